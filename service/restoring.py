"""The lines of an export become steps that put back what they tell. The last line says that they were all.

As with operations (`service.steps`), what is wrong with a line is kept in its step, and told when its turn comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from service import bodies
from service.commands import Invalid
from service.errors import ConflictError, DomainError, FieldError, InvalidError, shown
from service.exports import EndRestore, Restore
from service.kinds.assignment import ASSIGNMENT, Assignment
from service.kinds.document import DOCUMENT, Document
from service.kinds.marks import ANNOTATION, EXTRACTION, Annotation, Extraction
from service.kinds.project import PROJECT, Project
from service.nearest import nearest
from service.operations import OPERABLE, Step
from service.steps import Sender

ENTITIES: Mapping[str, type[msgspec.Struct]] = {
    PROJECT.name: Project,
    DOCUMENT.name: Document,
    EXTRACTION.name: Extraction,
    ANNOTATION.name: Annotation,
    ASSIGNMENT.name: Assignment,
}
"""How each kind is stored. A kind is exported and restored once it has a row here."""
_END = b'{"done"'
_encode = msgspec.json.Encoder().encode


class _Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    op: str = "create"
    kind: str
    id: str
    value: msgspec.Raw


class _End(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    done: bool
    lines: int | None = None
    sequence: int | None = None
    problem: dict[str, Any] | None = None


class ExportLines:
    """Makes steps of lines, in order.

    Attributes:
        is_whole: The line that ends an export has come, and tells as many lines as there were.

    Args:
        sender: In whose name they are stored.
    """

    def __init__(self, sender: Sender) -> None:
        self.is_whole = False
        self._sender = sender
        self._count = 0
        self._ended = False

    def step_of(self, line: bytes) -> Step:
        """Return the step of the next line."""
        count, ended = self._count, self._ended
        self._count += 1
        if ended:
            return Step(fault=ConflictError("There is a line behind the one that ends the export."), line=line)
        try:
            command = self._ending(line, count) if line.lstrip().startswith(_END) else self._restoring(line)
        except DomainError as error:
            return Step(fault=error, line=line)
        return Step(command=command, names=False, line=line)

    def pass_over(self) -> None:
        """Count a line that is told to be wrong without having been read."""
        self._count += 1

    def _ending(self, line: bytes, count: int) -> EndRestore:
        end = bodies.decode(line, _End, self._sender.limits)
        if isinstance(end, Invalid):
            raise InvalidError("The line that ends the export does not fit the schema.", end.errors)
        self._ended = True
        if not end.done:
            why = (end.problem or {}).get("detail", "it does not tell why")
            raise ConflictError(f"The export was cut by the server that made it: {str(why)[:500]} Export it again.")
        if end.lines not in {None, count}:
            errors = [FieldError("/lines", f"{end.lines} found, but {count} lines came before")]
            raise InvalidError("Lines of the export are missing, or there are too many.", errors)
        self.is_whole = True
        return EndRestore(actor=self._sender.actor, operation=self._sender.operation)

    def _restoring(self, line: bytes) -> Restore:
        found = bodies.decode_outer(line, _Line, self._sender.limits)
        if isinstance(found, Invalid):
            raise InvalidError("The line is none of an export.", found.errors)
        if found.op != "create":
            detail = f"{shown(found.op)} found, expected create: an export tells entities, not changes"
            raise InvalidError("The line is none of an export.", [FieldError("/op", detail)])
        if found.kind not in ENTITIES:
            detail = f"{shown(found.kind)} found, expected one of {', '.join(ENTITIES)}{nearest(found.kind, ENTITIES)}"
            raise InvalidError("The line is none of an export.", [FieldError("/kind", detail)])
        value = bytes(found.value)
        draft: Any = bodies.decode(value, OPERABLE[found.kind].draft, self._sender.limits)
        entity = None
        if not isinstance(draft, Invalid):
            members = msgspec.json.decode(value)
            if found.kind == DOCUMENT.name:
                members.pop("text", None)
            # In the one form that the state, and exports, have: the order of members is kept.
            value = _encode(members)
            entity = bodies.decode(value, ENTITIES[found.kind], self._sender.limits)
            draft = entity if isinstance(entity, Invalid) else draft
        return Restore(
            actor=self._sender.actor,
            operation=self._sender.operation,
            kind=found.kind,
            id=found.id,
            draft=draft,
            entity=entity,
            value=value,
        )
