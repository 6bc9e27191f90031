"""The kinds of entities. A new one is a module here and an entry in `KINDS`."""

from service.kinds.account import API_KEY, CREDENTIAL, SESSION, USER
from service.kinds.assignment import ASSIGNMENT
from service.kinds.base import Kind
from service.kinds.blob import BLOB
from service.kinds.document import DOCUMENT, TEXT
from service.kinds.marks import ANNOTATION, EXTRACTION
from service.kinds.private import IDEMPOTENCY, LOGIN_LOCK, TOMBSTONE
from service.kinds.project import PROJECT

KINDS: tuple[Kind, ...] = (
    USER,
    CREDENTIAL,
    SESSION,
    API_KEY,
    PROJECT,
    DOCUMENT,
    TEXT,
    EXTRACTION,
    ANNOTATION,
    ASSIGNMENT,
    IDEMPOTENCY,
    TOMBSTONE,
    LOGIN_LOCK,
    BLOB,
)
