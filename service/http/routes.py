"""Every route, in one place."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from service.http import (
    api_keys,
    assigning,
    bulk,
    content,
    export,
    health,
    problems,
    projects,
    review,
    sessions,
    transactions,
    users,
)
from service.http.collections import Collection
from service.http.documents import Documents, Nested
from service.http.users import Users
from service.kinds.account import USER, UserDraft
from service.kinds.assignment import ASSIGNMENT, AssignmentDraft
from service.kinds.document import DOCUMENT, DocumentDraft
from service.kinds.marks import ANNOTATION, EXTRACTION, AnnotationDraft, ExtractionDraft
from service.kinds.project import PROJECT, ProjectDraft

_OPTIONS = ("offset_unit",)

USERS = Users("users", USER, UserDraft)
PROJECTS = Collection("projects", PROJECT, ProjectDraft)
DOCUMENTS = Documents("documents", DOCUMENT, DocumentDraft, _OPTIONS)
EXTRACTIONS = Collection("extractions", EXTRACTION, ExtractionDraft, _OPTIONS)
ANNOTATIONS = Collection("annotations", ANNOTATION, AnnotationDraft, _OPTIONS)
ASSIGNMENTS = Collection("assignments", ASSIGNMENT, AssignmentDraft)

PUBLIC: frozenset[Handler] = frozenset({USERS.create, sessions.log_in})
"""Handlers below /v1 that nobody needs to be logged in for."""


def routes() -> list[web.RouteDef]:
    """Return all routes; GET answers HEAD too, and OPTIONS is answered for each path."""
    table = [
        web.get("/livez", health.livez),
        web.get("/readyz", health.readyz),
        web.get("/problems/{name}", problems.page),
        web.get("/v1/status", health.status),
        web.post("/v1/compactions", health.compact),
        web.get("/v1/me", USERS.me),
        web.post("/v1/sessions", sessions.log_in),
        web.get("/v1/sessions", sessions.list_sessions),
        web.get("/v1/sessions/current", sessions.current),
        web.delete("/v1/sessions/current", sessions.log_out),
        web.delete("/v1/sessions/{id}", sessions.revoke),
        web.post("/v1/api-keys", api_keys.make),
        web.get("/v1/api-keys", api_keys.list_keys),
        web.delete("/v1/api-keys/{id}", api_keys.revoke),
        web.post("/v1/users", USERS.create),
        web.get("/v1/users", USERS.list),
        web.get("/v1/users/{id}", USERS.get),
        web.patch("/v1/users/{id}", USERS.update),
        web.delete("/v1/users/{id}", USERS.delete),
        web.put("/v1/users/{id}/password", users.set_password),
        web.post("/v1/transactions", transactions.transact),
        web.post("/v1/bulk", bulk.load),
        *_collection(PROJECTS),
        web.put("/v1/projects/{id}/members/{user_id}", projects.set_member),
        web.delete("/v1/projects/{id}/members/{user_id}", projects.remove_member),
        web.post("/v1/projects/{id}/labels/rename", projects.rename_label),
        web.post("/v1/projects/{id}/labels/merge", projects.merge_labels),
        web.get("/v1/projects/{id}/agreement", review.agree),
        web.post("/v1/projects/{id}/next", assigning.take_next),
        web.get("/v1/projects/{id}/progress", assigning.progress),
        web.get("/v1/projects/{id}/progress/documents", assigning.document_progress),
        *_collection(DOCUMENTS),
        web.get("/v1/documents/{id}/comparison", review.compare),
        web.post("/v1/documents/{id}/adjudication", review.adjudicate),
        web.put("/v1/documents/{id}/content", content.put),
        web.get("/v1/documents/{id}/content", content.get),
        web.delete("/v1/documents/{id}/content", content.delete),
        *_collection(EXTRACTIONS),
        *_collection(ANNOTATIONS),
        *_collection(ASSIGNMENTS),
        *_nested(EXTRACTIONS),
        *_nested(ANNOTATIONS),
        web.get("/v1/export", export.export),
    ]
    for route in table:
        route.kwargs["expect_handler"] = _expect
    return table


async def _expect(_request: web.Request) -> None:
    """Leave `Expect` to whoever reads the body, after all checks that need none."""


def _collection(collection: Collection) -> list[web.RouteDef]:
    path = f"/v1/{collection.path}"
    return [
        web.post(path, collection.create),
        web.get(path, collection.list),
        web.get(f"{path}/{{id}}", collection.get),
        web.patch(f"{path}/{{id}}", collection.update),
        web.put(f"{path}/{{id}}", collection.replace),
        web.delete(f"{path}/{{id}}", collection.delete),
    ]


def _nested(marks: Collection) -> list[web.RouteDef]:
    nested = Nested(marks)
    path = f"/v1/documents/{{id}}/{marks.path}"
    return [web.post(path, nested.create), web.get(path, nested.list)]
