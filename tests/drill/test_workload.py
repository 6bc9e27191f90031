"""What clients ask for follows from the seed, and from what they know."""

from __future__ import annotations

import random

import msgspec

from service.client.transport import Request
from service.drill.history import Operation, Shown
from service.drill.known import Known, Shelf
from service.drill.workload import Workload


def known() -> Known:
    """Return what somebody knows who has ten documents with ten annotations each."""
    one = Known()
    for number in range(10):
        one.shelves["documents"].put(Shown(id=f"doc_{number}", version=1, stamp="s"))
        for place in range(10):
            mark = Shown(id=f"ann_{number}{place}", version=2, stamp="s", document_id=f"doc_{number}")
            one.shelves["annotations"].put(mark)
    return one


def asked(seed: int, round_number: int = 1, client: str = "c0", count: int = 400) -> list[tuple[Operation, Request]]:
    """Return the first requests of a client."""
    workload = Workload(seed, round_number, client, 0, known())
    return [workload.next() for _ in range(count)]


def test_the_same_seed_asks_the_same() -> None:
    """To the byte; another seed, round or client asks something else."""
    encoded = msgspec.json.encode(asked(1))
    assert msgspec.json.encode(asked(1)) == encoded
    for other in (asked(2), asked(1, round_number=2), asked(1, client="c1")):
        assert msgspec.json.encode(other) != encoded


def test_everything_is_asked_for() -> None:
    """Every action on both collections, conditions and both filters included."""
    operations = [operation for operation, _ in asked(3)]
    assert {(one.action, one.collection) for one in operations} == {
        (action, collection)
        for action in ("create", "put", "update", "delete", "get", "list")
        for collection in ("documents", "annotations")
    }
    assert any(one.expects for one in operations)
    assert {one.filter[0] for one in operations if one.filter} == {"label", "document_id"}


def test_every_mutation_has_a_key_and_a_stamp_of_its_own() -> None:
    """The body holds the stamp; a deletion has no body."""
    mutations = [(operation, request) for operation, request in asked(4) if not operation.is_read]
    keys = [request.idempotency_key for _, request in mutations]
    assert len(set(keys)) == len(keys)
    for operation, request in mutations:
        assert request.idempotency_key == operation.key != ""
        if operation.action != "delete":
            assert operation.stamp.encode() in (request.body or b"")


def test_who_knows_nothing_creates() -> None:
    """Until the first answer there is nothing else to ask for."""
    workload = Workload(5, 1, "c0", 0, Known())
    actions = {workload.next()[0].action for _ in range(100)}
    assert actions <= {"create", "put", "list"}


def test_a_shelf_forgets_what_is_gone_and_knows_the_newest_version() -> None:
    """Whatever the order in which it learns."""
    shelf, chance = Shelf(), random.Random(6)
    for entity, version in (("a", 1), ("b", 3), ("b", 2), ("c", 1)):
        shelf.put(Shown(id=entity, version=version, stamp="s"))
    assert shelf.remove("a")
    assert not shelf.remove("a")
    picked = {shelf.pick(chance) for _ in range(50)}
    assert {(one.id, one.version) for one in picked if one} == {("b", 3), ("c", 1)}
    assert len(shelf) == 2
