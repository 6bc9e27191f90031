"""Examples of the description: one small story. A test sends each of them, and checks each against its schema."""

from __future__ import annotations

import hashlib
from typing import Any

_SUFFIX = "_01jdcw3s1vf9t8v3n6y0c1qk2"
USER_ID = f"user{_SUFFIX}a"
OTHER_ID = f"user{_SUFFIX}b"
PROJECT_ID = f"proj{_SUFFIX}c"
DOCUMENT_ID = f"doc{_SUFFIX}d"
EXTRACTION_ID = f"ext{_SUFFIX}e"
ANNOTATION_ID = f"ann{_SUFFIX}f"
SESSION_ID = f"sess{_SUFFIX}g"
API_KEY_ID = f"key{_SUFFIX}h"
ASSIGNMENT_ID = f"asg{_SUFFIX}j"
OTHER_DOCUMENT_ID = f"doc{_SUFFIX}m"
OTHER_ANNOTATION_ID = f"ann{_SUFFIX}n"
EXPORT_ID = f"export{_SUFFIX}k"
PATH_IDS = {
    "users": USER_ID,
    "projects": PROJECT_ID,
    "documents": DOCUMENT_ID,
    "extractions": EXTRACTION_ID,
    "annotations": ANNOTATION_ID,
    "assignments": ASSIGNMENT_ID,
    "sessions": SESSION_ID,
    "api-keys": API_KEY_ID,
}
"""Collection → the id of its example."""

TIME = "2026-11-25T09:30:00.000000Z"
LATER = "2027-05-25T09:30:00.000000Z"
PASSWORD = "a long sentence is a good password"  # noqa: S105 - of nobody
TEXT = "Marie Curie was born in Warsaw in 1867."


def stored(key: str, **members: Any) -> dict[str, Any]:
    """Return an entity as it is after its creation."""
    return {"id": key, "version": 1, "created_at": TIME, "updated_at": TIME, **members}


USER = {"email": "anna@example.org", "name": "Anna"}
REGISTRATION = {**USER, "password": PASSWORD}
STORED_USER = stored(USER_ID, **USER, role="member", disabled=False)
LABELS = [
    {"name": "person", "types": ["span"], "color": "#2a9d8f"},
    {"name": "place", "types": ["span"], "attributes": {"country": {"type": "string"}}},
]
PROJECT = {"name": "Biographies", "description": "Who was born where.", "labels": LABELS, "label_policy": "closed"}
STORED_PROJECT = stored(
    PROJECT_ID,
    name="Biographies",
    description="Who was born where.",
    labels=LABELS,
    label_policy="closed",
    members={USER_ID: "owner"},
    annotators="shared",
    assignment={"annotators_per_document": 2, "order": "fewest", "release_after": 86400, "review_own": False},
)
DOCUMENT = {"title": "Marie Curie", "text": TEXT, "project_id": PROJECT_ID, "language": "en"}
STORED_DOCUMENT = stored(
    DOCUMENT_ID,
    owner_id=USER_ID,
    title="Marie Curie",
    metadata={},
    project_id=PROJECT_ID,
    length=len(TEXT),
    language="en",
)
_SPAN = {"document_id": DOCUMENT_ID, "label": "person", "start": 0, "end": 11}
EXTRACTION = {**_SPAN, "confidence": 0.93, "source": {"name": "finder", "version": "2.1"}}
STORED_EXTRACTION = stored(
    EXTRACTION_ID,
    document_id=DOCUMENT_ID,
    type="span",
    status="proposed",
    attributes={},
    label="person",
    start=0,
    end=11,
    text="Marie Curie",
    source={"name": "finder", "version": "2.1"},
    confidence=0.93,
)
ANNOTATION = {
    "document_id": DOCUMENT_ID,
    "label": "place",
    "start": 24,
    "end": 30,
    "text": "Warsaw",
    "attributes": {"country": "PL"},
}
STORED_ANNOTATION = stored(
    ANNOTATION_ID,
    document_id=DOCUMENT_ID,
    type="span",
    status="proposed",
    attributes={"country": "PL"},
    label="place",
    start=24,
    end=30,
    text="Warsaw",
    author_id=USER_ID,
)
ASSIGNMENT = {"document_id": DOCUMENT_ID, "user_id": USER_ID, "task": "annotate"}
STORED_ASSIGNMENT = stored(
    ASSIGNMENT_ID,
    document_id=DOCUMENT_ID,
    project_id=PROJECT_ID,
    user_id=USER_ID,
    task="annotate",
    state="todo",
)
CONTENT = "Marie Curie, 1867 to 1934.\n"
SHA256 = hashlib.sha256(CONTENT.encode()).hexdigest()
STORED_CONTENT = {"media_type": "application/octet-stream", "size": len(CONTENT), "sha256": SHA256}
OPERATIONS: list[dict[str, Any]] = [
    {"op": "create", "kind": "document", "ref": "paper", "value": {"title": "Pierre Curie", "text": "Pierre Curie"}},
    {
        "op": "create",
        "kind": "annotation",
        "value": {"document_id": "@paper", "label": "person", "start": 0, "end": 12},
    },
    {"op": "update", "kind": "annotation", "id": ANNOTATION_ID, "value": {"attributes": {"country": "RU"}}},
]
