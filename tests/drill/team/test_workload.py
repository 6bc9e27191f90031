"""What a crew asks for follows from the seed, and from what it knows."""

from __future__ import annotations

import random

import msgspec
import pytest

from service.client.transport import Request
from service.drill.history import Answer
from service.drill.team.history import Deed, entity
from service.drill.team.keyring import Keyring
from service.drill.team.people import ANNOTATORS, EDITOR, GUESTS, OWNER, PEOPLE, REVIEWERS
from service.drill.team.place import LABELS_LOCK, Place
from service.drill.team.workload import TeamWorkload

USERS = {person: f"user_{person}" for person in PEOPLE}


def place() -> Place:
    """Return a project with documents, marks, an assignment of each task, and six labels."""
    one = Place("proj_1", 1)
    one.labels = [f"l{number}" for number in range(6)]
    one.documents = [f"doc_{number}" for number in range(5)]
    for number in range(20):
        mark = {
            "id": f"ann_{number}",
            "version": 1,
            "document_id": f"doc_{number % 5}",
            "author_id": USERS[ANNOTATORS[0]],
        }
        one.annotations[f"ann_{number}"] = entity(mark)
        one.extractions[f"ext_{number}"] = entity(mark | {"id": f"ext_{number}"})
    for task, person in (("annotate", ANNOTATORS[1]), ("review", REVIEWERS[0])):
        given = {"id": f"asg_{task}", "version": 1, "document_id": "doc_1", "user_id": USERS[person]}
        one.assignments[f"asg_{task}"] = entity(given | {"task": task, "state": "in_progress"})
    return one


def asked(seed: int, known: Place, count: int = 600) -> list[tuple[Deed, Request]]:
    """Return the first requests of a client, each of which is answered by a refusal."""
    workload = TeamWorkload(seed, 1, "t0", [known], USERS)
    found = []
    for _ in range(count):
        deed, request = workload.next()
        deed.answer = Answer(at=1, status=507, problem="no-room")
        known.learn(deed)
        found.append((deed, request))
    return found


def test_the_same_seed_asks_the_same() -> None:
    """To the byte; another seed asks something else."""
    encoded = msgspec.json.encode(asked(1, place()))
    assert msgspec.json.encode(asked(1, place())) == encoded
    assert msgspec.json.encode(asked(2, place())) != encoded


def test_all_kinds_of_work_are_asked_for_by_those_who_may() -> None:
    """Nobody is refused for what they are."""
    by: dict[tuple[str, str], set[str]] = {}
    for deed, _ in asked(3, place(), 2000):
        by.setdefault((deed.action, deed.collection), set()).add(deed.client)
    assert by["create", "annotations"] == {*ANNOTATORS, *REVIEWERS}
    assert by["create", "extractions"] == by["create", "documents"] == by["update", "documents"] == {EDITOR}
    assert by["create", "transactions"] == set(ANNOTATORS)
    assert by["create", "next"] == {*ANNOTATORS, *REVIEWERS}
    assert by["create", "adjudication"] == by["get", "comparison"] == set(REVIEWERS)
    assert by["update", "rename"] == by["update", "merge"] == by["update", "labels"] == {OWNER, EDITOR}
    assert by["put", "members"] == {OWNER}
    assert by["get", "projects"] == set(GUESTS)
    assert by["update", "assignments"] == {ANNOTATORS[1], REVIEWERS[0]}
    assert by["update", "annotations"] == {ANNOTATORS[0]}
    assert {collection for action, collection in by if action == "list"} == {
        "annotations",
        "assignments",
        "documents",
        "extractions",
    }


def test_every_mutation_has_a_key_of_its_own() -> None:
    """A read has none."""
    planned = asked(4, place())
    keys = [request.idempotency_key for deed, request in planned if not deed.is_read]
    assert len(set(keys)) == len(keys)
    assert None not in keys
    assert not any(deed.key or request.idempotency_key for deed, request in planned if deed.is_read)


@pytest.mark.parametrize(
    ("lock", "collections"), [(LABELS_LOCK, {"labels", "rename", "merge"}), (GUESTS[0], {"members"})]
)
def test_what_has_no_answer_is_not_done_by_another_one(lock: str, collections: set[str]) -> None:
    """Its order would not be known."""
    known = place()
    known.locks.add(lock)
    found = {deed.label if lock in GUESTS else deed.collection for deed, _ in asked(5, known, 1500)}
    assert not found & ({lock} if lock in GUESTS else collections)


def test_a_lock_is_held_until_there_is_an_answer() -> None:
    """One that does not know the outcome is none."""
    known = place()
    workload = TeamWorkload(6, 1, "t0", [known], USERS)
    deed = next(one for one, _ in (workload.next() for _ in range(1000)) if one.collection == "rename")
    assert LABELS_LOCK in known.locks
    known.learn(deed)
    deed.answer = Answer(at=1, status=503, problem="outcome-unknown")
    known.learn(deed)
    assert LABELS_LOCK in known.locks
    deed.answer = Answer(at=1, status=413, problem="too-large")
    known.learn(deed)
    assert LABELS_LOCK not in known.locks


def test_keys_are_made_used_and_revoked() -> None:
    """What is revoked is used some more: it must be refused."""
    ring, chance = Keyring("2027-01-01T00:00:00Z"), random.Random(7)
    found: list[tuple[str, str]] = []
    for number in range(300):
        deed, request = ring.plan(chance, f"s{number}", 1)
        assert request.idempotency_key is None
        found.append((deed.action, deed.id))
        if deed.action == "create":
            deed.answer = Answer(at=1, status=201, shown=(entity({"id": f"key_{number}", "token": f"t{number}"}),))
            ring.learn(deed)
    revoked = [key for action, key in found if action == "delete"]
    assert len(set(revoked)) == len(revoked) > 10
    assert ring.tokens["key_0"] == "t0"
    assert any(("get", key) in found[found.index(("delete", key)) :] for key in revoked)
