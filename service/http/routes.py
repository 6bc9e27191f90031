"""Every endpoint, in one place: what is not in this table is neither answered nor described."""

from __future__ import annotations

from aiohttp import web

from service.errors import (
    CascadeTooLargeError,
    ConflictError,
    GoneError,
    ImmutableError,
    InUseError,
    LabelUnknownError,
    NotFoundError,
    TakenError,
    TextInUseError,
    TextMismatchError,
)
from service.http import (
    api_keys,
    assigning,
    bulk,
    content,
    contract,
    examples,
    export,
    health,
    projects,
    review,
    sessions,
    transactions,
    users,
)
from service.http.collection_endpoints import Described, collection, deleting, getting, listing, updating
from service.http.collections import Collection
from service.http.documents import TEXT_FIELDS, Documents, nested
from service.http.endpoint import JSON_TYPE, TEXT_TYPE, Endpoint
from service.http.users import Users
from service.kinds.account import USER, User, UserDraft
from service.kinds.assignment import ASSIGNMENT, Assignment, AssignmentDraft
from service.kinds.document import DOCUMENT, Document, DocumentDraft, DocumentWithText
from service.kinds.marks import ANNOTATION, EXTRACTION, Annotation, AnnotationDraft, Extraction, ExtractionDraft
from service.kinds.project import PROJECT, Project, ProjectDraft

_USERS = Users("users", USER, UserDraft)
USERS = Described(
    handlers=_USERS,
    entity=User,
    draft_example=examples.USER,
    patch_example={"name": "Anna K."},
    entity_example=examples.STORED_USER,
    scope="admin",
    writes=(TakenError, ConflictError),
    deletes=(ConflictError, CascadeTooLargeError),
    offsets=False,
)
PROJECTS = Described(
    handlers=Collection("projects", PROJECT, ProjectDraft),
    entity=Project,
    draft_example=examples.PROJECT,
    patch_example={"description": "Who was born where, and when."},
    entity_example=examples.STORED_PROJECT,
    scope="projects",
    deletes=(CascadeTooLargeError,),
    offsets=False,
)
DOCUMENTS = Described(
    handlers=Documents("documents", DOCUMENT, DocumentDraft),
    entity=Document,
    shown=DocumentWithText,
    draft_example=examples.DOCUMENT,
    patch_example={"title": "Maria Skłodowska-Curie"},
    entity_example=examples.STORED_DOCUMENT,
    shown_example={**examples.STORED_DOCUMENT, "text": examples.TEXT},
    writes=(TakenError, TextInUseError),
    deletes=(CascadeTooLargeError,),
    create_query=TEXT_FIELDS,
    create_media_types=(JSON_TYPE, TEXT_TYPE),
)
_MARK_WRITES = (NotFoundError, GoneError, ImmutableError, LabelUnknownError, TextMismatchError)
_MARK_DELETES = (InUseError, CascadeTooLargeError)
_LISTS_OF_DOCUMENTS = (NotFoundError, GoneError)
EXTRACTIONS = Described(
    handlers=Collection("extractions", EXTRACTION, ExtractionDraft),
    entity=Extraction,
    draft_example=examples.EXTRACTION,
    patch_example={"status": "accepted"},
    entity_example=examples.STORED_EXTRACTION,
    writes=_MARK_WRITES,
    deletes=_MARK_DELETES,
    lists=_LISTS_OF_DOCUMENTS,
)
ANNOTATIONS = Described(
    handlers=Collection("annotations", ANNOTATION, AnnotationDraft),
    entity=Annotation,
    draft_example=examples.ANNOTATION,
    patch_example={"attributes": {"country": "RU"}},
    entity_example=examples.STORED_ANNOTATION,
    writes=(*_MARK_WRITES, InUseError, TakenError),
    deletes=_MARK_DELETES,
    lists=_LISTS_OF_DOCUMENTS,
)

ASSIGNMENTS = Described(
    handlers=Collection("assignments", ASSIGNMENT, AssignmentDraft),
    entity=Assignment,
    draft_example=examples.ASSIGNMENT,
    patch_example={"state": "in_progress"},
    entity_example=examples.STORED_ASSIGNMENT,
    writes=(NotFoundError, GoneError, ConflictError, ImmutableError, TakenError),
    lists=_LISTS_OF_DOCUMENTS,
    offsets=False,
)

ENDPOINTS: tuple[Endpoint, ...] = (
    *sessions.ENDPOINTS,
    users.me(_USERS),
    *api_keys.ENDPOINTS,
    users.registering(USERS),
    listing(USERS),
    getting(USERS),
    updating(USERS),
    deleting(USERS),
    users.PASSWORD_ENDPOINT,
    *collection(PROJECTS),
    *projects.ENDPOINTS,
    *assigning.ENDPOINTS,
    *collection(DOCUMENTS),
    *review.ENDPOINTS,
    *content.ENDPOINTS,
    *collection(EXTRACTIONS),
    *collection(ANNOTATIONS),
    *collection(ASSIGNMENTS),
    *nested(EXTRACTIONS),
    *nested(ANNOTATIONS),
    *transactions.ENDPOINTS,
    *bulk.ENDPOINTS,
    *export.ENDPOINTS,
    *health.ENDPOINTS,
    *contract.ENDPOINTS,
)


def routes() -> list[web.RouteDef]:
    """Return all routes; GET answers HEAD too, and OPTIONS is answered for each path."""
    return [
        web.route(one.method, one.path, one.handler, expect_handler=_expect)
        if not one.is_read
        else web.get(one.path, one.handler, expect_handler=_expect)
        for one in ENDPOINTS
    ]


async def _expect(_request: web.Request) -> None:
    """Leave `Expect` to whoever reads the body, after all checks that need none."""
