"""Transactions: several operations, all or none, each on what those before it have changed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from service.commands import Actor, Command, IdempotencyKey, Outcome
from service.decide import decide
from service.decide.decision import Context
from service.errors import (
    CascadeTooLargeError,
    DomainError,
    GoneError,
    InUseError,
    InvalidError,
    KeyReusedError,
    LabelUnknownError,
    NotFoundError,
    PreconditionFailedError,
    TakenError,
    TextInUseError,
    TextMismatchError,
    TooLargeError,
    UnauthenticatedError,
)
from service.kinds import KINDS
from service.operations import Single, Step, Transact
from service.state.state import State
from service.steps import Sender, steps_of_transaction
from tests.service.decide.team import Team
from tests.service.decide.test_random import Player
from tests.service.decide.world import TEXT, World, assert_same

OWN = "doc_01h455vb4pex5vsknk084sn02q"
SPAN: dict[str, Any] = {"start": 0, "end": 5}


def command_of(world: World, actor: Actor | None, *operations: Any, utf16: bool = False) -> Transact:
    """Return the command that a body makes."""
    return command_of_body(world, actor, msgspec.json.encode({"operations": operations}), utf16=utf16)


def command_of_body(world: World, actor: Actor | None, body: bytes, *, utf16: bool = False) -> Transact:
    """Return the command that the bytes of a body make."""
    decoding = steps_of_transaction(body, Sender(actor, "t", world.ids, world.limits, utf16))
    try:
        while True:
            next(decoding)
    except StopIteration as end:
        return Transact(actor=actor, operation="t", steps=end.value)


def transact(world: World, actor: Actor | None, *operations: Any, utf16: bool = False) -> list[dict[str, Any]]:
    """Carry a transaction out and return its results."""
    return results_of(world, actor, msgspec.json.encode({"operations": operations}), utf16=utf16)


def results_of(world: World, actor: Actor | None, body: bytes, *, utf16: bool = False) -> list[dict[str, Any]]:
    """Carry out the transaction of a body and return its results."""
    outcome = world.do(command_of_body(world, actor, body, utf16=utf16))
    return list(msgspec.json.decode(outcome.body)["results"])


def refused(
    world: World, actor: Actor | None, error: type[DomainError], pointer: str, *operations: Any, **options: bool
) -> DomainError:
    """Make sure that a transaction is refused at a place, and leaves everything alone."""
    before, records = world.state.digest, len(world.records)
    with pytest.raises(error) as caught:
        transact(world, actor, *operations, **options)
    assert type(caught.value) is error
    assert [one.pointer for one in caught.value.errors] == [pointer]
    assert (world.state.digest, len(world.records)) == (before, records)
    return caught.value


def create(kind: str, ref: str | None = None, **value: Any) -> dict[str, Any]:
    """Return an operation that creates something."""
    return {"op": "create", "kind": kind, "value": value} | ({} if ref is None else {"ref": ref})


def test_everything_is_one_record(world: World, ada: Actor) -> None:
    """The results are in the order of the operations, each with its status, id and version."""
    document = world.document(ada)
    before = len(world.records)
    results = transact(
        world,
        ada,
        create("document", title="new"),
        {"op": "update", "kind": "document", "id": document, "value": {"title": "changed"}},
        {"op": "replace", "kind": "document", "id": OWN, "value": {"title": "own"}},
        {"op": "delete", "kind": "document", "id": document},
    )
    new = results[0]["id"]
    assert results == [
        {"index": 0, "status": 201, "id": new, "version": 1},
        {"index": 1, "status": 200, "id": document, "version": 2},
        {"index": 2, "status": 201, "id": OWN, "version": 1},
        {"index": 3, "status": 204, "id": document},
    ]
    assert len(world.records) == before + 1
    assert (world.value("document", new)["title"], world.value("document", OWN)["title"]) == ("new", "own")
    assert world.state.tables["document"].row(document) is None


def test_names_stand_for_ids_everywhere(world: World, ada: Actor) -> None:
    """In members, in arguments, and as the id of an operation."""
    results = transact(
        world,
        ada,
        create("project", "p", name="corpus"),
        create("document", "d", text=TEXT, project_id="@p"),
        create("document", derived_from="@d", project_id="@p"),
        create("extraction", "e", document_id="@d", **SPAN, source={"name": "m"}),
        create("annotation", "a", document_id="@d", extraction_id="@e", verdict="accepted"),
        create("annotation", "b", document_id="@d", start=6, end=11),
        create(
            "annotation",
            "r",
            document_id="@d",
            arguments=[{"role": "x", "target": "@a"}, {"role": "y", "target": "@b"}],
        ),
        {"op": "update", "kind": "annotation", "id": "@b", "value": {"label": "person"}},
        {
            "op": "update",
            "kind": "annotation",
            "id": "@r",
            "value": {"arguments": [{"role": "x", "target": "@b"}, {"role": "y", "target": "@e"}]},
        },
    )
    project, document, derived, extraction, accepted, other, relation = (one["id"] for one in results[:7])
    assert world.value("document", document)["project_id"] == project
    assert world.value("document", derived)["derived_from"] == document
    assert world.value("annotation", accepted)["extraction_id"] == extraction
    assert world.value("annotation", other) | {"label": "person", "version": 2} == world.value("annotation", other)
    targets = [argument["target"] for argument in world.value("annotation", relation)["arguments"]]
    assert targets == [other, extraction]


def test_a_name_may_be_used_before_it_is_given(world: World, ada: Actor) -> None:
    """What others use is made before them; results stay in the order in which the operations were sent."""
    arguments = [{"role": "x", "target": "@a"}, {"role": "y", "target": "@b"}]
    results = transact(
        world,
        ada,
        create("annotation", document_id="@d", arguments=arguments),
        create("annotation", "b", document_id="@d", start=6, end=11),
        create("annotation", "a", document_id="@d", **SPAN),
        create("document", "d", text=TEXT),
    )
    assert [one["index"] for one in results] == [0, 1, 2, 3]
    relation, second, first, document = (one["id"] for one in results)
    assert [one["target"] for one in world.value("annotation", relation)["arguments"]] == [first, second]
    assert world.value("annotation", relation)["document_id"] == document
    events = [change.id for change in world.records[-1] if change.kind != "text"]
    assert events == [document, first, second, relation]


def test_a_name_is_one_however_it_is_written(world: World, ada: Actor) -> None:
    """JSON has more than one way to write a character; what only looks like a name, where no id stands, is none."""
    body = (
        b'{"operations":[{"op":"create","kind":"document","ref":"d","value":{"title":"@d","external_id":"@d"}},'
        b'{"op":"create","kind":"document","value":{"derived_from":"\\u0040d"}}]}'
    )
    first, second = results_of(world, ada, body)
    assert world.value("document", second["id"])["derived_from"] == first["id"]
    assert world.value("document", first["id"]) | {"title": "@d", "external_id": "@d"} == world.value(
        "document", first["id"]
    )


def test_a_long_chain_of_names_is_followed(world: World, ada: Actor) -> None:
    """However deep: each uses the next one."""
    world.limits = msgspec.structs.replace(world.limits, transaction_operations_max=3000)
    chain = [create("document", f"d{place}", derived_from=f"@d{place + 1}") for place in range(2000)]
    assert len(transact(world, ada, *chain, create("document", "d2000"))) == 2001


def test_names_in_a_circle_are_refused(world: World, ada: Actor) -> None:
    """An entity cannot be made before the other one."""
    error = refused(
        world,
        ada,
        InvalidError,
        "/operations/1",
        create("document", "a", derived_from="@b"),
        create("document", "b", derived_from="@a"),
    )
    assert "@a" in error.errors[0].detail


@pytest.mark.parametrize(
    ("operation", "pointer"),
    [
        (create("document", derived_from="@nobody"), "/operations/1/value/derived_from"),
        ({"op": "delete", "kind": "document", "id": "@nobody"}, "/operations/1/id"),
        (create("document", "d"), "/operations/1/ref"),
        ({"op": "update", "kind": "document", "id": OWN, "ref": "x", "value": {}}, "/operations/1/ref"),
        ({"op": "replace", "kind": "document", "id": "@d", "ref": "x", "value": {}}, "/operations/1/ref"),
        ({"op": "replace", "kind": "document", "id": "own", "value": {}}, "/operations/1/id"),
        ({"op": "create", "kind": "document", "id": "own", "value": {}}, "/operations/1/id"),
        ({"op": "create", "kind": "document"}, "/operations/1/value"),
        ({"op": "create", "kind": "document", "value": None}, "/operations/1/value"),
        ({"op": "create", "kind": "document", "value": []}, "/operations/1/value"),
        ({"op": "create", "kind": "document", "value": {"titel": "t"}}, "/operations/1/value/titel"),
        ({"op": "create", "kind": "document", "if_match": 1, "value": {}}, "/operations/1/if_match"),
        ({"op": "create", "kind": "document", "cascade": True, "value": {}}, "/operations/1/cascade"),
        ({"op": "update", "kind": "document", "value": {}}, "/operations/1/id"),
        ({"op": "delete", "kind": "document", "id": OWN, "value": {}}, "/operations/1/value"),
        ({"op": "create", "kind": "user", "value": {"email": "a@b"}}, "/operations/1/kind"),
        ({"op": "create", "kind": "session", "value": {}}, "/operations/1/kind"),
        ({"op": "create", "kind": "api_key", "value": {}}, "/operations/1/kind"),
        ({"op": "create", "kind": "tombstone", "value": {}}, "/operations/1/kind"),
        ({"op": "create", "kind": "text", "value": {"text": "t"}}, "/operations/1/kind"),
        ({"op": "put", "kind": "document", "value": {}}, "/operations/1/op"),
        ({"op": "create", "kind": "document", "value": {}, "more": 1}, "/operations/1/more"),
        ({"op": "update", "kind": "document", "id": OWN, "if_match": 0, "value": {}}, "/operations/1/if_match"),
    ],
)
def test_what_has_not_the_form_of_an_operation_is_refused_at_its_place(
    world: World, ada: Actor, operation: dict[str, Any], pointer: str
) -> None:
    """And what answers or takes a secret is no operation."""
    with pytest.raises(InvalidError) as caught:
        transact(world, ada, create("document", "d"), operation)
    assert caught.value.errors[0].pointer == pointer
    assert world.state.counts["document"] == 0


def test_the_operation_that_fails_is_named_and_nothing_is_done(world: World, ada: Actor) -> None:
    """By the problem that a request of its own would have, with the place in the value."""
    document = world.document(ada)
    good = create("annotation", document_id=document, **SPAN)
    place = "/operations/1"
    refused(
        world, ada, InvalidError, f"{place}/value/end", good, create("annotation", document_id=document, start=5, end=5)
    )
    refused(
        world,
        ada,
        TextMismatchError,
        f"{place}/value/text",
        good,
        create("annotation", document_id=document, text="x", **SPAN),
    )
    refused(world, ada, NotFoundError, place, good, {"op": "delete", "kind": "document", "id": OWN})
    refused(world, ada, NotFoundError, place, good, create("annotation", document_id=OWN, **SPAN))
    error = refused(
        world,
        ada,
        PreconditionFailedError,
        place,
        good,
        {"op": "update", "kind": "document", "id": document, "if_match": 2, "value": {"title": "x"}},
    )
    assert error.detail.startswith("Operation 1: ")


def test_preconditions_count_what_was_changed_before(world: World, ada: Actor) -> None:
    """A version that an earlier operation made is there for a later one, and the one before is not."""
    document = world.document(ada)
    update = {"op": "update", "kind": "document", "id": document, "value": {"title": "x"}}
    transact(world, ada, {**update, "if_match": 1}, {**update, "if_match": 2})
    assert world.value("document", document)["version"] == 3
    refused(world, ada, PreconditionFailedError, "/operations/1", {**update, "if_match": 3}, {**update, "if_match": 3})
    own = {"op": "create", "kind": "document", "id": OWN, "value": {}}
    transact(world, ada, own)
    refused(world, ada, PreconditionFailedError, "/operations/0", own)


def test_rules_hold_between_operations(world: World, ada: Actor) -> None:
    """Unique values, marks that others point to, texts in use, labels, verdicts, as between requests."""
    project = world.create(ada, "project", name="p", label_policy="closed", labels=[{"name": "person"}])["id"]
    taken = create("document", project_id=project, external_id="1")
    refused(world, ada, TakenError, "/operations/1/value/external_id", taken, taken)
    document = create("document", "d", text=TEXT, project_id=project)
    mark = create("annotation", "a", document_id="@d", label="person", **SPAN)
    unknown = create("annotation", document_id="@d", label="animal", **SPAN)
    refused(world, ada, LabelUnknownError, "/operations/1/value/label", document, unknown)
    rewrite = {"op": "update", "kind": "document", "id": "@d", "value": {"text": "other"}}
    refused(world, ada, TextInUseError, "/operations/2", document, mark, rewrite)
    transact(world, ada, document, rewrite)
    relation = create(
        "annotation",
        document_id="@d",
        label="person",
        arguments=[{"role": "x", "target": "@a"}, {"role": "y", "target": "@a"}],
    )
    remove = {"op": "delete", "kind": "annotation", "id": "@a"}
    refused(world, ada, InUseError, "/operations/3", document, mark, relation, remove)
    results = transact(world, ada, document, mark, relation, {**remove, "cascade": True})
    assert [one["status"] for one in results] == [201, 201, 201, 204]
    assert world.state.tables["annotation"].row(results[2]["id"]) is None
    extraction = create("extraction", "e", document_id="@d", label="person", **SPAN, source={"name": "m"})
    verdict = create("annotation", document_id="@d", extraction_id="@e", verdict="rejected")
    refused(world, ada, TakenError, "/operations/3/value/extraction_id", document, extraction, verdict, verdict)


def test_what_frees_a_value_lets_the_next_have_it(world: World, ada: Actor) -> None:
    """A deletion counts at once, for external ids and for an id itself, which goes on with its version."""
    project = world.create(ada, "project", name="p")["id"]
    held = world.create(ada, "document", project_id=project, external_id="1")["id"]
    results = transact(
        world,
        ada,
        {"op": "delete", "kind": "document", "id": held},
        create("document", project_id=project, external_id="1"),
        {"op": "create", "kind": "document", "id": held, "value": {"title": "again"}},
    )
    assert results[2] == {"index": 2, "status": 201, "id": held, "version": 2}
    assert world.state.tables["tombstone"].row(held) is None
    error = refused(
        world,
        ada,
        GoneError,
        "/operations/1",
        {"op": "delete", "kind": "document", "id": held},
        {"op": "update", "kind": "document", "id": held, "value": {}},
    )
    assert "deleted" in error.detail


def test_assignments_are_given_and_moved_on(world: World) -> None:
    """A document with who is to annotate it; what is skipped is free again for the one who skipped it."""
    team = Team()
    world, owner = team.world, team.actors["owner"]
    give = create("assignment", document_id="@d", user_id=team.id("annotator"))
    document = create("document", "d", project_id=team.project)
    refused(world, owner, TakenError, "/operations/2/value/user_id", document, give, give)
    made = transact(world, owner, document, {**give, "ref": "a"})
    moves = [
        {"op": "update", "kind": "assignment", "id": made[1]["id"], "value": {"state": state}}
        for state in ("in_progress", "skipped", "in_progress", "done")
    ]
    moved = transact(world, team.actors["annotator"], *moves)
    assert [one["version"] for one in moved] == [2, 3, 4, 5]
    assert world.value("assignment", made[1]["id"])["state"] == "done"


def test_a_member_sees_and_does_no_more_than_by_requests(world: World, ada: Actor) -> None:
    """What is somebody else's is not there, and its being there is not told by a name either."""
    bob = world.user("bob@example.org")
    document = world.document(ada)
    secret = world.annotation(ada, document, **SPAN)
    refused(world, bob, NotFoundError, "/operations/0", create("annotation", document_id=document, **SPAN))
    refused(world, bob, NotFoundError, "/operations/0", {"op": "delete", "kind": "annotation", "id": secret})
    refused(
        world,
        bob,
        InvalidError,
        "/operations/1/value/derived_from",
        create("document", title="own"),
        create("document", derived_from=document),
    )
    with pytest.raises(UnauthenticatedError):
        transact(world, None, create("document"))
    with pytest.raises(UnauthenticatedError):
        transact(world, None)


def test_offsets_in_utf16_units_are_of_the_text_that_the_transaction_makes(world: World, ada: Actor) -> None:
    """In drafts and patches; an offset within a character is told at its place."""
    text = "\U0001f600 Marie"
    document = create("document", "d", text=text)
    results = transact(
        world,
        ada,
        document,
        create("annotation", "a", document_id="@d", start=3, end=8, text="Marie"),
        {"op": "update", "kind": "annotation", "id": "@a", "value": {"end": 5}},
        utf16=True,
    )
    mark = world.value("annotation", results[1]["id"])
    assert (mark["start"], mark["end"], mark["text"]) == (2, 4, "Ma")
    wrong = create("annotation", document_id="@d", start=1, end=8)
    refused(world, ada, InvalidError, "/operations/1/value/start", document, wrong, utf16=True)


def test_a_retry_is_given_the_first_answer(world: World, ada: Actor) -> None:
    """With the ids that were made then; another transaction under the key is refused."""
    command = command_of(world, ada, create("document", title="t"))
    key = IdempotencyKey(id="k", fingerprint="f")
    first = world.do(msgspec.structs.replace(command, idempotency=key))
    again = command_of(world, ada, create("document", title="t"))
    assert world.do(msgspec.structs.replace(again, idempotency=key)) == msgspec.structs.replace(first, replayed=True)
    assert world.state.counts["document"] == 1
    with pytest.raises(KeyReusedError):
        world.do(msgspec.structs.replace(again, idempotency=IdempotencyKey(id="k", fingerprint="other")))


def test_limits_hold_at_the_limit_and_one_past_it(world: World, ada: Actor) -> None:
    """Operations, bytes that change, entities that are deleted."""
    world.limits = msgspec.structs.replace(world.limits, transaction_operations_max=3)
    assert len(transact(world, ada, *[create("document")] * 3)) == 3
    with pytest.raises(TooLargeError, match="4 operations, the limit is 3"):
        transact(world, ada, *[create("document")] * 4)
    transact(world, ada, create("document", title="t" * 400))
    size = sum(len(change.value or b"") for change in world.records[-1])
    world.limits = msgspec.structs.replace(world.limits, transaction_bytes=2 * size)
    transact(world, ada, *[create("document", title="t" * 400)] * 2)
    world.limits = msgspec.structs.replace(world.limits, transaction_bytes=2 * size - 1)
    error = refused(world, ada, TooLargeError, "/operations/1", *[create("document", title="t" * 400)] * 2)
    assert str(2 * size - 1) in error.detail
    world.limits = msgspec.structs.replace(world.limits, transaction_bytes=10_000, cascade_max=2)
    doomed = [{"op": "delete", "kind": "document", "id": world.document(ada)} for _ in range(3)]
    refused(world, ada, CascadeTooLargeError, "/operations/2", *doomed)
    transact(world, ada, *doomed[:2])


def test_an_empty_transaction_changes_nothing(world: World, ada: Actor) -> None:
    """Its results are none."""
    before = len(world.records)
    assert transact(world, ada) == []
    assert len(world.records) == before


class Keeping(World):
    """A world that keeps what it is told to do, and does nothing."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.state, self.ids = world.state, world.ids
        self.given: list[Command] = []

    def do(self, command: Command) -> Outcome:
        """Keep a command."""
        self.given.append(command)
        raise DomainError("kept")


def imagined(player: Player, number: int) -> list[Command]:
    """Return commands that a player would give."""
    world, keeping = player.world, Keeping(player.world)
    player.world = keeping
    for _ in range(number):
        player.play()
    player.world = world
    return keeping.given


def would_do(world: World, command: Command) -> bool:
    """Tell if a command would be carried out now."""
    try:
        decide(Context(world.state, world.now, world.limits), command)
    except DomainError:
        return False
    return True


def one_by_one(world: World, commands: list[Command]) -> tuple[int, type[DomainError]] | None:
    """Give commands one after the other, at one moment; returns which one was refused, and how."""
    for place, command in enumerate(commands):
        try:
            decision = decide(Context(world.state, world.now, world.limits), command)
        except DomainError as error:
            return place, type(error)
        world.records.append(decision.changes)
        world.state.apply(len(world.records), world.now, decision.changes)
    return None


@pytest.mark.parametrize("seed", range(6))
def test_a_transaction_does_what_its_operations_do_one_by_one(seed: int) -> None:
    """Random ones, up to the first that is refused: the same state to the byte, or the same refusal and nothing."""
    player = Player(seed)
    world = player.world
    for _ in range(120):
        player.play()
    done = stopped = 0
    for _ in range(60):
        twin = World()
        for sequence, changes in enumerate(world.records, start=1):
            twin.state.apply(sequence, 0, changes)
        actor = player.actor()
        imagination = (msgspec.structs.replace(one, actor=actor) for one in imagined(player, 12))
        world.now += 1
        # Of those that would be refused alone a few, or hardly any transaction would get to its end.
        commands = [one for one in imagination if would_do(world, one) or player.chance.random() < 0.05]
        steps = tuple(Step(command=command) for command in commands if isinstance(command, Single))
        context = Context(twin.state, world.now, world.limits)
        records = len(world.records)
        refusal = one_by_one(world, commands)
        transaction = Transact(actor=actor, operation="t", steps=steps)
        if refusal is None:
            changes = decide(context, transaction).changes
            if changes:
                twin.state.apply(records + 1, world.now, changes)
            assert_same(twin.state, world.state)
            done += 1
            continue
        with pytest.raises(refusal[1]) as caught:
            decide(context, transaction)
        assert caught.value.errors[0].pointer.startswith(f"/operations/{refusal[0]}")
        stopped += 1
    assert done > 5
    assert stopped > 5
    assert world.state.counts == replayed(world).counts


def replayed(world: World) -> State:
    """Return the state that a replay gives."""
    state = State(KINDS)
    for sequence, changes in enumerate(world.records, start=1):
        state.apply(sequence, 0, changes)
    return state
