"""Who may do what in a project: one table, which the API's description shows and a test tries cell by cell.

A document without a project is private: its owner is to it what an owner is to a project. Administrators are owners of
every project, so that none is ever without one; private documents are no business of theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from service.kinds.project import ProjectRole


class Action(Enum):
    """What somebody does to a project, or to what is in it."""

    READ = "read the project, its documents, their marks and assignments, and how far it is"
    CHANGE_PROJECT = "change name, description, labels and the rule of assignments"
    CHANGE_LABELS = "rename and merge labels, in all marks"
    MANAGE_MEMBERS = "add, change and remove members"
    DELETE_PROJECT = "delete the project"
    CREATE_DOCUMENT = "upload documents"
    CHANGE_DOCUMENT = "change documents"
    DELETE_DOCUMENT = "delete documents with their marks"
    CREATE_EXTRACTION = "put extractions on documents"
    DELETE_EXTRACTION = "delete extractions"
    CREATE_ANNOTATION = "put annotations on documents, change and delete one's own"
    CHANGE_ANNOTATION = "change and delete annotations of others"
    DECIDE = "set the status of marks"
    ASSIGN = "give documents out, change and delete assignments of others"
    TAKE_ANNOTATING = "be given documents to annotate, say how far one is"
    TAKE_REVIEWING = "be given documents to review, say how far one is"
    REVIEW = "compare annotators, adjudicate, see how far they agree"
    SEE_OTHERS = "see others' annotations before the review is done, where annotators are independent"


_EVERYBODY: frozenset[ProjectRole] = frozenset({"owner", "editor", "reviewer", "annotator", "viewer"})
_EDITORS: frozenset[ProjectRole] = frozenset({"owner", "editor"})
_REVIEWERS: frozenset[ProjectRole] = frozenset({"owner", "reviewer"})
_OWNERS: frozenset[ProjectRole] = frozenset({"owner"})

ALLOWED: Mapping[Action, frozenset[ProjectRole]] = {
    Action.READ: _EVERYBODY,
    Action.CHANGE_PROJECT: _EDITORS,
    Action.CHANGE_LABELS: _EDITORS,
    Action.MANAGE_MEMBERS: _OWNERS,
    Action.DELETE_PROJECT: _OWNERS,
    Action.CREATE_DOCUMENT: _EDITORS,
    Action.CHANGE_DOCUMENT: _EDITORS,
    Action.DELETE_DOCUMENT: _EDITORS,
    Action.CREATE_EXTRACTION: _EDITORS,
    Action.DELETE_EXTRACTION: _EDITORS,
    Action.CREATE_ANNOTATION: _EVERYBODY - {"viewer"},
    Action.CHANGE_ANNOTATION: _REVIEWERS,
    Action.DECIDE: _REVIEWERS,
    Action.ASSIGN: _EDITORS,
    Action.TAKE_ANNOTATING: _EVERYBODY - {"viewer"},
    Action.TAKE_REVIEWING: _REVIEWERS,
    Action.REVIEW: _REVIEWERS,
    Action.SEE_OTHERS: _EDITORS | _REVIEWERS,
}
