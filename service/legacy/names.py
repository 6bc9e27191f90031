"""What members of the file are called, and what they mean here. `docs/legacy.md` shows this table as it is.

The proof of concept's exact fields are not known, so each meaning has several names: the first that is there and not
null counts. Names are compared in snake case, so ``createdAt`` is ``created_at``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_CREATED = ("created_at", "created", "created_on", "date_created", "timestamp", "created_time")
_UPDATED = ("updated_at", "updated", "updated_on", "modified_at", "modified", "last_modified", "date_updated")
_MARK = {
    "document_id": ("document_id", "doc_id", "document", "doc"),
    "label": ("label", "type", "entity_type", "extraction_class", "category", "class", "tag", "label_name"),
    "start": ("start", "start_offset", "begin", "start_char", "start_pos", "start_index", "char_start", "from"),
    "end": ("end", "end_offset", "stop", "end_char", "end_pos", "end_index", "char_end", "to"),
    "interval": ("char_interval", "span", "interval", "position", "offsets", "range"),
    "text": ("text", "span_text", "covered_text", "exact", "surface", "mention"),
    "attributes": ("attributes", "properties", "attrs"),
    "status": ("status", "state"),
    "comment": ("comment", "note", "notes", "content", "value", "description"),
}

NAMES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "file": {
        "users": ("users",),
        "documents": ("documents", "docs"),
        "extractions": ("extractions",),
        "annotations": ("annotations",),
        "user by e-mail": (
            "user_by_email",
            "users_by_email",
            "email_index",
            "user_email_index",
            "email_to_user",
            "email_to_user_id",
            "emails",
        ),
        "documents by user": (
            "documents_by_user",
            "document_by_user",
            "docs_by_user",
            "user_documents",
            "user_docs",
            "documents_by_owner",
        ),
        "look-ups": ("indexes", "indices", "index", "lookups", "look_ups"),
        "not taken over": (
            "sessions",
            "tokens",
            "access_tokens",
            "refresh_tokens",
            "version",
            "schema_version",
            "saved_at",
            "updated_at",
            "created_at",
            "timestamp",
            "next_id",
            "next_ids",
            "counters",
            "metadata",
            "meta",
        ),
    },
    "user": {
        "id": ("id", "user_id", "uid", "uuid", "_id"),
        "email": ("email", "email_address", "mail", "e_mail"),
        "name": ("name", "full_name", "display_name", "username", "user_name"),
        "role": ("role", "user_role"),
        "admin": ("is_admin", "admin", "is_superuser", "superuser"),
        "disabled": ("disabled", "is_disabled"),
        "active": ("is_active", "active", "enabled"),
        "credential": ("hashed_password", "password_hash", "pw_hash", "passwd_hash", "hash", "password"),
        "created_at": (*_CREATED, "registered_at"),
        "updated_at": _UPDATED,
    },
    "document": {
        "id": ("id", "document_id", "doc_id", "uuid", "_id"),
        "owner_id": ("owner_id", "user_id", "owner", "user", "uploaded_by", "created_by", "author_id"),
        "title": ("title", "name", "filename", "file_name"),
        "text": ("text", "content", "body", "raw_text", "full_text"),
        "language": ("language", "lang"),
        "metadata": ("metadata", "meta"),
        "created_at": (*_CREATED, "uploaded_at", "upload_time"),
        "updated_at": _UPDATED,
    },
    "extraction": {
        "id": ("id", "extraction_id", "uuid", "_id"),
        **_MARK,
        "quote": ("extraction_text", "quote"),
        "alignment": ("alignment_status", "alignment"),
        "confidence": ("confidence", "score", "probability"),
        "source": ("source", "model", "model_name", "model_id", "extractor", "method"),
        "model version": ("model_version", "extractor_version"),
        "run": ("run", "run_id", "job_id"),
        "created_at": (*_CREATED, "extracted_at"),
        "updated_at": _UPDATED,
    },
    "annotation": {
        "id": ("id", "annotation_id", "uuid", "_id"),
        **_MARK,
        "text": (*_MARK["text"], "quote", "extraction_text"),
        "author_id": (
            "author_id",
            "user_id",
            "annotator_id",
            "created_by",
            "annotator",
            "author",
            "annotated_by",
            "owner_id",
            "user",
        ),
        "extraction_id": ("extraction_id", "extraction", "source_extraction_id"),
        "verdict": ("verdict", "decision"),
        "created_at": (*_CREATED, "annotated_at"),
        "updated_at": _UPDATED,
    },
}

VALUES: Mapping[str, Mapping[str, str]] = {
    "role": dict.fromkeys(("admin", "administrator", "superuser", "superadmin", "root"), "admin"),
    "status": {
        **dict.fromkeys(("proposed", "pending", "new", "open", "draft", "unreviewed"), "proposed"),
        **dict.fromkeys(("accepted", "approved", "confirmed", "validated", "verified"), "accepted"),
        **dict.fromkeys(("rejected", "declined", "denied", "invalid"), "rejected"),
    },
    "verdict": {
        **dict.fromkeys(("accepted", "accept", "approved", "correct", "confirmed"), "accepted"),
        **dict.fromkeys(("corrected", "modified", "edited"), "corrected"),
        **dict.fromkeys(("rejected", "reject", "incorrect", "wrong"), "rejected"),
    },
    "alignment": {
        **{f"match_{name}": name for name in ("exact", "greater", "lesser", "fuzzy")},
        **{name: name for name in ("exact", "greater", "lesser", "fuzzy", "none")},
    },
}
"""What values of some members mean, compared in lower case; another value is kept with what has no home here."""

_CREDENTIALS = frozenset(NAMES["user"]["credential"]) - {"hash"}
"""Not the name that a checksum has as well."""
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def tables() -> str:
    """Return `NAMES` and `VALUES` as Markdown."""
    lines = ["| Of | Here | In the file |", "|---|---|---|"]
    for kind, meanings in NAMES.items():
        lines += [f"| {kind} | {meaning} | {_listed(names)} |" for meaning, names in meanings.items()]
    lines += ["", "| Member | Here | Values in the file |", "|---|---|---|"]
    for member, values in VALUES.items():
        for here in dict.fromkeys(values.values()):
            lines.append(f"| {member} | `{here}` | {_listed([name for name in values if values[name] == here])} |")
    return "\n".join(lines)


class Members:
    """The members of an object of the file, taken by what they mean. Null is the same as absent.

    Args:
        kind: Of the entity, or ``file``.
        members: As they stand.
    """

    def __init__(self, kind: str, members: Mapping[str, Any]) -> None:
        self._meanings = NAMES[kind]
        self._left = {name: value for name, value in members.items() if value is not None}
        self._names: dict[str, list[str]] = {}
        for name in self._left:
            self._names.setdefault(_snake(name), []).append(name)

    def take(self, meaning: str) -> Any:
        """Return the value of a meaning, None if it is not there, and take other names of it that say the same."""
        found = self.look(meaning)
        for name in self._present(meaning):
            if type(self._left[name]) is type(found) and self._left[name] == found:
                del self._left[name]
        return found

    def look(self, meaning: str) -> Any:
        """Return the value of a meaning and leave it there."""
        return next((self._left[name] for name in self._present(meaning)), None)

    def rest(self) -> dict[str, Any]:
        """Return what was not taken, by the names that it has in the file."""
        return self._left

    def _present(self, meaning: str) -> list[str]:
        spelled = (self._names.get(name, ()) for name in self._meanings[meaning])
        return [name for names in spelled for name in names if name in self._left]


def is_credential(name: str) -> bool:
    """Tell if a member is called as what a user logs in with."""
    return _snake(name) in _CREDENTIALS


def _snake(name: str) -> str:
    return _CAMEL.sub("_", name).lower()


def meant(member: str, value: object) -> str | None:
    """Return what a value means, None if that is not known."""
    return VALUES[member].get(value.strip().lower()) if isinstance(value, str) else None


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
