"""What is kept of each blob as long as anything retained names it; the blob itself is a file (`service.blobs`)."""

from __future__ import annotations

import msgspec

from service.kinds.base import Kind


class Blob(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A blob that a document names, or did.

    Attributes:
        id: Its SHA-256, in hex.
        size: In bytes.
        released: No document names it any more; what is retained of the time before this record may.
    """

    id: str
    size: int
    released: bool = False


BLOB = Kind("blob", "", Blob, has_history=False)
