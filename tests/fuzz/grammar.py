"""Valid requests for every endpoint, from which others are made. ``@doc@`` and its like stand for what is there."""

from __future__ import annotations

from typing import Any, NamedTuple


class Shape(NamedTuple):
    """A valid request: its method, its path with query, its body (None: it has none), and how often it is drawn."""

    method: str
    path: str
    body: Any
    weight: int


TEXT = "Marie Curie met Albert Einstein in Geneva. "
SPAN: dict[str, Any] = {"document_id": "@doc@", "start": 0, "end": 5, "text": "Marie", "label": "person"}
RICH: dict[str, Any] = {
    "document_id": "@doc@",
    "type": "relation",
    "label": "met",
    "attributes": {"certainty": 0.5, "tags": ["a", 1, None, True]},
    "arguments": [{"role": "who", "target": "@ann@"}, {"role": "whom", "target": "@ann@"}],
    "references": [{"resource": "wikidata", "id": "Q7186", "text": "Marie Curie"}],
    "body": [{"purpose": "comment", "value": "x", "format": "text/plain", "language": "en"}],
    "origin": {"format": "brat", "id": "R1", "extra": {"line": 1}},
}
PIECES: dict[str, Any] = {"document_id": "@doc@", "fragments": [{"start": 0, "end": 5}, {"start": 12, "end": 15}]}
REGION: dict[str, Any] = {
    "document_id": "@doc@",
    "regions": [
        {"page": 1, "x": 0.1, "y": 0.1, "width": 0.2, "height": 0.2, "rotation": 10},
        {"page": 1, "points": [[0, 0], [0, 1], [1, 1]]},
    ],
}
EXTRACTION: dict[str, Any] = {
    **SPAN,
    "value": {"a": [1]},
    "quote": "Marie",
    "alignment": "exact",
    "confidence": 0.9,
    "source": {"name": "model", "version": "1", "run": "r"},
}
DOCUMENT: dict[str, Any] = {
    "title": "t",
    "text": TEXT,
    "external_id": "e",
    "language": "en",
    "metadata": {"a": {"b": [1, 2.5, None]}},
    "pages": [{"number": 1, "width": 10, "height": 20.5, "start": 0, "end": 5}],
}
PROJECT: dict[str, Any] = {
    "name": "P",
    "description": "d",
    "labels": [
        {"name": "person", "types": ["span"], "color": "#00ff00", "attributes": {"x": {"type": "number"}}},
        {"name": "met", "arguments": [{"role": "who", "labels": ["person"], "required": True}]},
    ],
    "label_policy": "open",
    "annotators": "independent",
}
ADJUDICATION: dict[str, Any] = {
    "decided": [
        {"take": "@ann@", "rests_on": ["@ann@"], "ref": "a"},
        {"value": {"start": 0, "end": 5, "text": "Marie"}, "rests_on": ["@ann@"]},
        {"value": {"arguments": [{"role": "who", "target": "@ann@"}, {"role": "whom", "target": "@a"}]}},
    ],
    "reject": ["@ann@"],
    "replace": True,
}
TRANSACTION: dict[str, Any] = {
    "operations": [
        {"op": "create", "kind": "document", "ref": "d", "value": DOCUMENT},
        {"op": "create", "kind": "annotation", "ref": "a", "value": {**SPAN, "document_id": "@d"}},
        {"op": "create", "kind": "annotation", "value": {**RICH, "document_id": "@doc@"}},
        {"op": "update", "kind": "annotation", "id": "@a", "if_match": 1, "value": {"label": "x"}},
        {"op": "replace", "kind": "document", "id": "@doc@", "value": DOCUMENT},
        {"op": "delete", "kind": "annotation", "id": "@ann@", "cascade": True},
    ],
}
USER: dict[str, Any] = {"email": "new@example.org", "name": "N", "password": "correct horse battery"}
LOGIN: dict[str, Any] = {"email": "@email@", "password": "correct horse battery"}

SHAPES: tuple[Shape, ...] = (
    Shape("POST", "/v1/documents", DOCUMENT, 6),
    Shape("POST", "/v1/documents?offset_unit=utf16", DOCUMENT, 1),
    Shape("POST", "/v1/annotations", SPAN, 6),
    Shape("POST", "/v1/annotations?offset_unit=utf16", SPAN, 2),
    Shape("POST", "/v1/annotations", RICH, 4),
    Shape("POST", "/v1/annotations", PIECES, 3),
    Shape("POST", "/v1/annotations", REGION, 3),
    Shape("POST", "/v1/extractions", EXTRACTION, 4),
    Shape("POST", "/v1/documents/@doc@/annotations", {"start": 0, "end": 5}, 3),
    Shape("POST", "/v1/documents/@doc@/extractions", {"start": 0, "end": 5, "source": {"name": "m"}}, 2),
    Shape("PATCH", "/v1/documents/@doc@", {"title": "new", "metadata": {"a": None, "b": 1}}, 4),
    Shape("PATCH", "/v1/annotations/@ann@", {"start": 0, "end": 11, "attributes": {"x": 1}}, 4),
    Shape("PATCH", "/v1/annotations/@ann@?offset_unit=utf16", {"start": 0, "end": 11}, 1),
    Shape("PUT", "/v1/documents/@doc@", DOCUMENT, 3),
    Shape("PUT", "/v1/documents/doc_own", DOCUMENT, 1),
    Shape("PUT", "/v1/annotations/@ann@", SPAN, 3),
    Shape("PUT", "/v1/annotations/ann_own", SPAN, 1),
    Shape("PUT", "/v1/extractions/ext_own", EXTRACTION, 1),
    Shape("PATCH", "/v1/extractions/ext_own", {"status": "accepted"}, 1),
    Shape("DELETE", "/v1/annotations/@ann@?cascade=true", None, 1),
    Shape("DELETE", "/v1/annotations/@ann@", None, 1),
    Shape("DELETE", "/v1/documents/@doc@", None, 1),
    Shape("GET", "/v1/documents/@doc@", None, 3),
    Shape("GET", "/v1/documents/@doc@?offset_unit=utf16", None, 1),
    Shape("HEAD", "/v1/documents/@doc@", None, 1),
    Shape("GET", "/v1/annotations/@ann@?offset_unit=utf16", None, 2),
    Shape("GET", "/v1/documents?limit=5&count=true&sort=-created_at&external_id=e", None, 3),
    Shape("GET", "/v1/annotations?document_id=@doc@&label=person&type=span&status=proposed&target=@ann@", None, 3),
    Shape("GET", "/v1/annotations?created_at_ge=2026-01-01T00:00:00Z&created_at_lt=2027-01-01T00:00:00Z", None, 2),
    Shape("GET", "/v1/annotations?limit=2&cursor=@cursor@", None, 2),
    Shape("GET", "/v1/extractions?confidence_ge=0.5&label=person", None, 2),
    Shape("GET", "/v1/documents/@doc@/annotations?limit=3", None, 1),
    Shape("POST", "/v1/projects", PROJECT, 2),
    Shape("PUT", "/v1/projects/@proj@", PROJECT, 1),
    Shape("PATCH", "/v1/projects/@proj@", {"label_policy": "closed", "labels": PROJECT["labels"]}, 1),
    Shape("PATCH", "/v1/projects/@proj@", {"assignment": {"annotators_per_document": 3, "release_after": 60}}, 1),
    Shape("PUT", "/v1/projects/@proj@/members/@other@", {"role": "annotator"}, 1),
    Shape("POST", "/v1/projects/@proj@/labels/rename", {"from": "person", "to": "human"}, 1),
    Shape("POST", "/v1/projects/@proj@/labels/merge", {"from": ["person", "human"], "into": "met"}, 1),
    Shape("POST", "/v1/projects/@proj@/next", {"task": "review"}, 2),
    Shape("GET", "/v1/projects/@proj@/progress", None, 1),
    Shape("GET", "/v1/projects/@proj@/progress/documents?limit=3&count=true", None, 1),
    Shape("POST", "/v1/assignments", {"document_id": "@doc@", "user_id": "@user@", "task": "annotate"}, 1),
    Shape("GET", "/v1/assignments?document_id=@doc@&user_id=@user@&task=annotate&state=todo", None, 1),
    Shape("PATCH", "/v1/assignments/asg_0", {"state": "done"}, 1),
    Shape("GET", "/v1/projects/@proj@/agreement?label=person&annotator=@user@&annotator=@other@", None, 1),
    Shape("POST", "/v1/documents/@doc@/adjudication", ADJUDICATION, 4),
    Shape("POST", "/v1/documents/@doc@/adjudication?offset_unit=utf16", ADJUDICATION, 1),
    Shape("POST", "/v1/transactions", TRANSACTION, 4),
    Shape("POST", "/v1/transactions?offset_unit=utf16", TRANSACTION, 1),
    Shape("POST", "/v1/bulk?results=all", TRANSACTION["operations"][0], 2),
    Shape("GET", "/v1/documents/@doc@/comparison?attributes=false&offset_unit=utf16", None, 2),
    Shape("PUT", "/v1/documents/@doc@/content", {"any": "bytes"}, 3),
    Shape("GET", "/v1/documents/@doc@/content", None, 3),
    Shape("HEAD", "/v1/documents/@doc@/content", None, 1),
    Shape("DELETE", "/v1/documents/@doc@/content", None, 1),
    Shape("GET", "/v1/users?email=@email@&role=member", None, 1),
    Shape("GET", "/v1/users/@user@", None, 1),
    Shape("GET", "/v1/users/@other@", None, 1),
    Shape("PATCH", "/v1/users/@user@", {"name": "N"}, 1),
    Shape("PUT", "/v1/users/@user@/password", {"password": USER["password"], "current_password": USER["password"]}, 1),
    Shape("POST", "/v1/users", USER, 1),
    Shape("POST", "/v1/sessions", LOGIN, 1),
    Shape("GET", "/v1/me", None, 1),
    Shape("GET", "/v1/sessions", None, 1),
    Shape("POST", "/v1/api-keys", {"name": "k", "scopes": ["read"], "expires_at": "2027-01-01T00:00:00Z"}, 1),
    Shape("GET", "/v1/api-keys", None, 1),
    Shape("DELETE", "/v1/api-keys/key_0", None, 1),
    Shape("GET", "/v1/sessions/current", None, 1),
    Shape("DELETE", "/v1/sessions/current", None, 1),
    Shape("GET", "/v1/status", None, 1),
    Shape("POST", "/v1/compactions", {}, 1),
    Shape("GET", "/problems/not-found", None, 1),
    Shape("GET", "/readyz", None, 1),
    Shape("OPTIONS", "/v1/documents", None, 1),
)
