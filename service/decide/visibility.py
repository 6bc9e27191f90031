"""Whose annotations a list holds, where annotators are independent.

In a project whose `annotators` are `independent`, who may not `SEE_OTHERS` (annotators and viewers) sees of annotations
only their own, until the review of the document is done: it was adjudicated, and has `reviewed_at`. What is hidden is
absent: 404, whether it is there or was deleted; no list holds or counts it; no rule names it. That is
`service.decide.access.is_hidden`, and here the same for lists: as conditions of indexes. A list that names no document
holds, of such a project, one's own annotations alone, reviewed or not: else it would have to know of each document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from service.commands import List
from service.decide.access import hides_others, is_admin, is_reviewed, require_document, require_user, scopes_of
from service.decide.decision import Context
from service.kinds.marks import ANNOTATION

Filters = Mapping[str, tuple[str, ...]]


def filters_of(context: Context, query: List) -> tuple[Filters, tuple[Filters, ...]]:
    """Return a list's filters with what the actor may see, and others of which one must pass too, if there are any.

    Raises:
        UnauthenticatedError: Nobody is logged in.
        NotFoundError: It asks for what is on a document that the actor may not see.
    """
    user_id = require_user(context, query.actor)
    if query.kind == "project":
        return (query.filters if is_admin(context, user_id) else {**query.filters, "member": (user_id,)}), ()
    if query.kind == "document":
        return {**query.filters, "scope": scopes_of(context, user_id)}, ()
    documents = query.filters.get("document_id")
    for document_id in documents or ():
        require_document(context, user_id, document_id)
    if query.kind == "assignment":
        return query.filters, ({"project_id": scopes_of(context, user_id)},)
    return query.filters, visible(context, user_id, query.kind, documents or None)


def visible(context: Context, user_id: str, kind: str, document_ids: Iterable[str] | None) -> tuple[Filters, ...]:
    """Return filters of which a mark passes one if it is on documents that a user may read, and not hidden.

    There are none if all marks of documents that are asked for may be seen.

    Args:
        context: Of the decision.
        user_id: Who looks.
        kind: Of the marks.
        document_ids: Of the documents that are asked for, which the user may read; None: of any.
    """
    if document_ids is None:
        name, values = "document.scope", scopes_of(context, user_id)
        hiding = _hiding(context, user_id)
    else:
        name, values = "document_id", tuple(document_ids)
        hiding = {key for key in values if _hides(context, user_id, key)}
    if not hiding or kind != ANNOTATION.name:
        return ({name: values},) if document_ids is None else ()
    # Each of them once: what is counted must not be counted twice.
    own: Filters = {name: tuple(hiding), "author_id": (user_id,)}
    return {name: tuple(value for value in values if value not in hiding)}, own


def _hiding(context: Context, user_id: str) -> set[str]:
    """Return the projects that hide others' annotations from one of their members; administrators are owners of all."""
    projects = context.state.tables["project"]
    found = projects.select({"annotators": ("independent",), "member": (user_id,)})
    return {scope for scope in projects.ids(found) if hides_others(context, user_id, scope)}


def _hides(context: Context, user_id: str, document_id: str) -> bool:
    scope = context.state.tables["document"].row(document_id).scope
    return not is_reviewed(context, document_id) and hides_others(context, user_id, scope)
