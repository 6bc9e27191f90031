"""What a look at a whole project showed, on a server that was quiet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from service.drill.team.history import LISTS, Deed, Seen, seen_in

ENTITIES = ("projects", "documents", "annotations", "extractions", "assignments")
PROGRESS = "progress"


@dataclass
class Look:
    """At one project.

    Attributes:
        id: Of the project.
        deeds: Collection → the question.
        things: Collection → id → what was shown.
        lists: Questions for a part of it, each with its filter.
    """

    id: str
    deeds: dict[str, Deed] = field(default_factory=dict)
    things: dict[str, dict[str, Seen]] = field(default_factory=lambda: {one: {} for one in ENTITIES})
    lists: list[Deed] = field(default_factory=list)

    @property
    def progress(self) -> Seen | None:
        """How far it is, as the server says."""
        deed = self.deeds.get(PROGRESS)
        return next(iter(seen_in(deed)), None) if deed is not None else None

    def marks(self) -> dict[str, tuple[str, Seen]]:
        """Return all marks, each with its collection."""
        return {key: (one, seen) for one in ("annotations", "extractions") for key, seen in self.things[one].items()}


def looks_of(surveys: Iterable[Deed]) -> dict[str, Look]:
    """Return the last look at each project.

    Args:
        surveys: In the order in which they were asked.
    """
    looks: dict[str, Look] = {}
    for deed in surveys:
        if not deed.project or deed.action not in LISTS:
            continue
        look = looks.setdefault(deed.project, Look(deed.project))
        if deed.action == "list":
            look.lists.append(deed)
            continue
        look.deeds[deed.collection] = deed
        if deed.collection in ENTITIES:
            look.things[deed.collection] = {seen.id: seen for seen in seen_in(deed)}
    return looks
