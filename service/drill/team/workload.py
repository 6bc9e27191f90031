"""What the people of a crew ask for next. Pure: it follows from the seed and from what is known."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from service.client.transport import Request
from service.drill.history import Action
from service.drill.team.history import Deed
from service.drill.team.people import ANNOTATORS, ANNOTATORS_PER_DOCUMENT, EDITOR, GUESTS, OWNER, REVIEWERS
from service.drill.team.place import LABELS_LOCK, Place

_PATCH_TYPE = "application/merge-patch+json"
_LABELS_MIN, _LABELS_MAX = 4, 8
_DOCUMENTS_MAX = 30
_WORDS = "word and word and word"
_MARK_END_MAX = 12
_IN_TRANSACTION = 3
_REJECTED_MAX = 3
_PAGE = 20
_SKIPPED_SHARE = 0.2
_CONDITIONAL_SHARE = 0.7

Planned = tuple[Deed, Request]


class TeamWorkload:
    """The requests of one client, who acts now for this and now for that person of the crew.

    Args:
        seed: Of the drill.
        round_number: Of the round.
        client: Its name.
        places: The projects in which the crew works.
        user_ids: Person → the id of their account.
    """

    def __init__(
        self, seed: int, round_number: int, client: str, places: Sequence[Place], user_ids: Mapping[str, str]
    ) -> None:
        self._chance = random.Random(f"{seed}/{round_number}/{client}")  # noqa: S311 - seeded, so that it can be repeated
        self._name = f"{seed:x}-{round_number}-{client}"
        self._round = round_number
        self._places = places
        self._user_ids = user_ids
        self._count = 0
        self._mix: list[tuple[Callable[[Place], Planned | None], int]] = [
            (self._annotate, 18),
            (self._several, 5),
            (self._extract, 7),
            (self._verdict, 8),
            (self._change, 14),
            (self._document, 3),
            (self._retitle, 2),
            (self._next, 12),
            (self._state, 10),
            (self._adjudicate, 6),
            (self._label, 2),
            (self._rename, 3),
            (self._merge, 2),
            (self._member, 3),
            (self._look_in, 5),
            (self._read, 8),
            (self._compare, 2),
        ]

    def next(self) -> Planned:
        """Return a request; its number and times are left to be filled in."""
        makers, weights = zip(*self._mix, strict=True)
        while True:
            self._count += 1
            place = self._chance.choice(self._places)
            (maker,) = self._chance.choices(makers, weights)
            planned: Planned | None = maker(place)
            if planned is not None:
                return planned

    def project(self) -> Planned:
        """Return the creation of a project."""
        self._count += 1
        name = self._stamp()
        labels = [label_of(f"{name}-{number}") for number in range(_LABELS_MIN)]
        rule = {"annotators_per_document": ANNOTATORS_PER_DOCUMENT}
        sent = {"name": name, "labels": labels, "label_policy": "closed", "assignment": rule}
        return self._sent("create", "projects", OWNER, "", "POST", "/v1/projects", sent)

    def join(self, place: Place, person: str, role: str) -> Planned:
        """Return what makes somebody a member."""
        self._count += 1
        path = f"/v1/projects/{place.id}/members/{self._user_ids[person]}"
        return self._sent("put", "members", OWNER, place.id, "PUT", path, {"role": role}, label=person)

    def document(self, place: Place) -> Planned:
        """Return the creation of a document."""
        self._count += 1
        stamp = self._stamp()
        sent = {"project_id": place.id, "title": stamp, "text": f"{stamp} {_WORDS}"}
        return self._sent("create", "documents", EDITOR, place.id, "POST", "/v1/documents", sent, stamp=stamp)

    def _document(self, place: Place) -> Planned | None:
        return self.document(place) if len(place.documents) < _DOCUMENTS_MAX else None

    def _retitle(self, place: Place) -> Planned | None:
        document = place.document(self._chance)
        stamp = self._stamp()
        members = {"stamp": stamp, "id": document}
        path = f"/v1/documents/{document}"
        sent = {"title": stamp}
        return self._sent("update", "documents", EDITOR, place.id, "PATCH", path, sent, **members) if document else None

    def _mark(self, place: Place, document: str, stamp: str) -> dict[str, Any]:
        """Return the members of a mark; each text is longer than it."""
        return {
            "document_id": document,
            "start": 0,
            "end": self._chance.randint(1, _MARK_END_MAX),
            "label": self._chance.choice(place.labels),
            "attributes": {"stamp": stamp},
        }

    def _annotate(self, place: Place) -> Planned | None:
        document = place.document(self._chance)
        person = self._chance.choice((*ANNOTATORS, *REVIEWERS))
        return self._marked(place, "annotations", person, self._mark(place, document, self._stamp()))

    def _extract(self, place: Place) -> Planned | None:
        mark = self._mark(place, place.document(self._chance), self._stamp())
        return self._marked(place, "extractions", EDITOR, mark | {"source": {"name": "drill"}})

    def _verdict(self, place: Place) -> Planned | None:
        extraction = place.pick(place.extractions, self._chance)
        if extraction is None:
            return None
        mark = self._mark(place, extraction.document_id, self._stamp())
        mark |= {"extraction_id": extraction.id, "verdict": "corrected"}
        return self._marked(place, "annotations", self._chance.choice(ANNOTATORS), mark)

    def _marked(self, place: Place, collection: str, person: str, mark: dict[str, Any]) -> Planned | None:
        if not mark["document_id"]:
            return None
        members = {"stamp": mark["attributes"]["stamp"], "label": mark["label"], "document_id": mark["document_id"]}
        return self._sent("create", collection, person, place.id, "POST", f"/v1/{collection}", mark, **members)

    def _several(self, place: Place) -> Planned | None:
        document, stamp = place.document(self._chance), self._stamp()
        if not document:
            return None
        values = [self._mark(place, document, f"{stamp}.{number}") for number in range(_IN_TRANSACTION)]
        sent = {"operations": [{"op": "create", "kind": "annotation", "value": value} for value in values]}
        person = self._chance.choice(ANNOTATORS)
        members = {"stamp": stamp, "document_id": document}
        return self._sent("create", "transactions", person, place.id, "POST", "/v1/transactions", sent, **members)

    def _change(self, place: Place) -> Planned | None:
        mark = place.pick(place.annotations, self._chance)
        is_conditional = self._chance.random() < _CONDITIONAL_SHARE
        if mark is None or "rests_on" in mark.members:
            return None
        person = self._person(mark.members["author_id"])
        stamp = self._stamp()
        members = {
            "id": mark.id,
            "stamp": stamp,
            "document_id": mark.document_id,
            "expects": mark.version if is_conditional else None,
        }
        path = f"/v1/annotations/{mark.id}"
        sent = {"attributes": {"stamp": stamp}}
        return self._sent("update", "annotations", person, place.id, "PATCH", path, sent, **members)

    def _next(self, place: Place) -> Planned:
        task = self._chance.choice(("annotate", "annotate", "review"))
        person = self._chance.choice(ANNOTATORS if task == "annotate" else REVIEWERS)
        path = f"/v1/projects/{place.id}/next"
        return self._sent("create", "next", person, place.id, "POST", path, {"task": task})

    def _state(self, place: Place) -> Planned | None:
        state = "skipped" if self._chance.random() < _SKIPPED_SHARE else "done"
        going = {key: one for key, one in place.assignments.items() if one.members["state"] == "in_progress"}
        chosen = place.pick(going, self._chance)
        if chosen is None:
            return None
        members = {"id": chosen.id, "document_id": chosen.document_id, "expects": chosen.version}
        person = self._person(chosen.members["user_id"])
        path = f"/v1/assignments/{chosen.id}"
        return self._sent("update", "assignments", person, place.id, "PATCH", path, {"state": state}, **members)

    def _adjudicate(self, place: Place) -> Planned | None:
        person = self._chance.choice(REVIEWERS)
        held = [
            one.document_id
            for one in place.assignments.values()
            if one.members["user_id"] == self._user_ids[person] and one.members["task"] == "review"
        ]
        document = self._chance.choice(held[-2:]) if held else place.document(self._chance)
        found = [one for one in place.annotations.values() if one.document_id == document]
        if not found or (document in place.reviewed and self._chance.random() < _CONDITIONAL_SHARE):
            return None
        chosen = self._chance.sample(found, min(len(found), 1 + _REJECTED_MAX))
        stamp = self._stamp()
        value = self._mark(place, document, stamp)
        grounds = [one.id for one in chosen[1:2]]
        sent = {
            "decided": [{"take": chosen[0].id}, {"value": value, "rests_on": grounds}],
            "reject": [one.id for one in chosen[1:]],
        }
        path = f"/v1/documents/{document}/adjudication"
        members = {"stamp": stamp, "document_id": document}
        return self._sent("create", "adjudication", person, place.id, "POST", path, sent, **members)

    def _label(self, place: Place) -> Planned | None:
        if LABELS_LOCK in place.locks or len(place.labels) >= _LABELS_MAX:
            return None
        place.locks.add(LABELS_LOCK)
        stamp = self._stamp()
        sent = {"labels": [label_of(name) for name in (*place.labels, stamp)]}
        path = f"/v1/projects/{place.id}"
        person = self._chance.choice((OWNER, EDITOR))
        return self._sent("update", "labels", person, place.id, "PATCH", path, sent, label=stamp)

    def _rename(self, place: Place) -> Planned | None:
        if LABELS_LOCK in place.locks:
            return None
        place.locks.add(LABELS_LOCK)
        sent = {"from": self._chance.choice(place.labels), "to": self._stamp()}
        return self._relabel(place, "rename", sent)

    def _merge(self, place: Place) -> Planned | None:
        if LABELS_LOCK in place.locks or len(place.labels) <= _LABELS_MIN:
            return None
        place.locks.add(LABELS_LOCK)
        old, into = self._chance.sample(place.labels, 2)
        return self._relabel(place, "merge", {"from": [old], "into": into})

    def _relabel(self, place: Place, collection: str, sent: dict[str, Any]) -> Planned:
        path = f"/v1/projects/{place.id}/labels/{collection}"
        return self._sent("update", collection, self._chance.choice((OWNER, EDITOR)), place.id, "POST", path, sent)

    def _member(self, place: Place) -> Planned | None:
        guest = self._chance.choice(GUESTS)
        if guest in place.locks:
            return None
        place.locks.add(guest)
        if not place.guests[guest]:
            return self.join(place, guest, self._chance.choice(("viewer", "annotator")))
        path = f"/v1/projects/{place.id}/members/{self._user_ids[guest]}"
        return self._sent("delete", "members", OWNER, place.id, "DELETE", path, None, label=guest)

    def _look_in(self, place: Place) -> Planned:
        return self.visit(place.id, self._chance.choice(GUESTS))

    def visit(self, project: str, guest: str) -> Planned:
        """Return the look of a guest at a project."""
        return self._asked("get", "projects", guest, project, f"/v1/projects/{project}", id=project)

    def _read(self, place: Place) -> Planned | None:
        person = self._chance.choice((*ANNOTATORS, *REVIEWERS, EDITOR))
        collection = self._chance.choice(("annotations", "annotations", "assignments", "extractions", "documents"))
        if self._chance.random() < 1 / 2:
            query = {"project_id": place.id}
            if collection in ("annotations", "extractions"):
                query = {"label": self._chance.choice(place.labels)}
            return self._listed(collection, person, place.id, query)
        shelf = {"annotations": place.annotations, "assignments": place.assignments}.get(collection, place.extractions)
        seen = place.pick(shelf, self._chance)
        entity = place.document(self._chance) if collection == "documents" else seen.id if seen else ""
        if not entity:
            return None
        return self._asked("get", collection, person, place.id, f"/v1/{collection}/{entity}", id=entity)

    def _listed(self, collection: str, person: str, project: str, query: dict[str, str]) -> Planned:
        deed, request = self._asked("list", collection, person, project, f"/v1/{collection}")
        ((field, value),) = query.items()
        deed.filter = (field, value)
        # The newest: so a list shows what others are just making.
        further = [("count", "true"), ("limit", str(_PAGE)), ("sort", "-created_at")]
        return deed, msgspec.structs.replace(request, query=[(field, value), *further])

    def _compare(self, place: Place) -> Planned | None:
        document = place.document(self._chance)
        path = f"/v1/documents/{document}/comparison"
        person = self._chance.choice(REVIEWERS)
        return self._asked("get", "comparison", person, place.id, path, id=document) if document else None

    def _person(self, user_id: str) -> str:
        return next(name for name, one in self._user_ids.items() if one == user_id)

    def _stamp(self) -> str:
        return f"{self._name}-{self._count}"

    def _asked(self, action: Action, collection: str, person: str, project: str, path: str, id: str = "") -> Planned:  # noqa: A002
        deed = self._deed(action, collection, person, project, id=id)
        return deed, Request(method="GET", path=path)

    def _deed(self, action: Action, collection: str, person: str, project: str, **members: Any) -> Deed:
        return Deed(
            number=0,
            round=self._round,
            client=person,
            user=0,
            action=action,
            collection=collection,
            project=project,
            **members,
        )

    def _sent(
        self,
        action: Action,
        collection: str,
        person: str,
        project: str,
        method: str,
        path: str,
        sent: dict[str, Any] | None,
        **members: Any,
    ) -> Planned:
        deed = self._deed(action, collection, person, project, sent=sent or {}, **members)
        deed.key = self._stamp()
        request = Request(
            method=method,
            path=path,
            body=None if sent is None else msgspec.json.encode(sent),
            media_type=_PATCH_TYPE if method == "PATCH" else "application/json",
            headers={} if deed.expects is None else {"If-Match": f'"{deed.expects}"'},
            idempotency_key=deed.key,
        )
        return deed, request


def label_of(name: str) -> dict[str, Any]:
    """Return a label as it is sent: all are alike, so that marks fit every one of them."""
    return {"name": name, "attributes": {"stamp": {"type": "string"}}}
