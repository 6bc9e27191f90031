"""Exports below the API: how long each is kept, who gets a place, and that it tells what was."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from bench.memory_log import MemoryLog
from service.engine import Engine
from service.errors import ExportGoneError, TooManyExportsError
from service.exports import Stream
from service.http.tokens import hash_token
from service.settings import load
from tests.harness import Member, serve
from tests.service.letters import Letters, rest_of
from wal.errors import OutcomeUnknownError

AT_ONCE = 1e-9
TOKEN = "a token"


class HeldLog(MemoryLog):
    """A log whose sync does not end before it is told to, and may fail then.

    Attributes:
        synced: The sync has ended.
        error: With which it has.
    """

    def __init__(self) -> None:
        super().__init__()
        self.synced = asyncio.Event()
        self.error: Exception | None = None
        self._waiting = 0
        self._came = asyncio.Condition()

    async def wait(self, _sequence: int) -> None:
        """Wait for the sync."""
        async with self._came:
            self._waiting += 1
            self._came.notify_all()
        await self.synced.wait()
        if self.error is not None:
            raise self.error

    async def waited_for_by(self, number: int) -> None:
        """Return once so many wait."""
        async with self._came, asyncio.timeout(30):
            await self._came.wait_for(lambda: self._waiting == number)


async def due() -> None:
    """Let what is due happen."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_an_export_has_its_place_before_it_is_read() -> None:
    """Whoever has opened one is not pushed out by others, though nothing was read yet."""
    letters = Letters(exports_max=2)
    streams = [letters.open(), letters.open()]
    before = await rest_of(letters.resume(streams[0]))
    with pytest.raises(TooManyExportsError):
        letters.open()
    letters.change()
    assert [await rest_of(stream) for stream in streams] == [before, before]
    letters.open()


async def test_exports_that_wait_for_the_sync_have_their_places() -> None:
    """As many as there are places, and each tells it as it was; the others are refused."""
    letters = Letters(exports_max=3)
    before = (await rest_of(letters.open())).rpartition(b'{"done"')[0]
    log = HeldLog()
    engine = Engine(letters.world.state, log, lambda: letters.world.now, letters.world.limits)
    tasks = [asyncio.create_task(engine.export(letters.query())) for _ in range(8)]
    await log.waited_for_by(len(tasks))
    log.synced.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    letters.change()
    streams = [one for one in found if isinstance(one, Stream)]
    told = [(await rest_of(stream)).rpartition(b'{"done"')[0] for stream in streams]
    assert told == [before] * 3
    assert [type(one) for one in found if not isinstance(one, Stream)] == [TooManyExportsError] * 5


async def test_many_clients_at_once_are_served_or_refused() -> None:
    """Over HTTP, while a sync is under way: none is told something else than what its header says."""
    letters = Letters(exports_max=8, exports_of_user_max=8)
    assert letters.owner.user_id is not None
    letters.world.log_in(letters.owner.user_id, token_hash=hash_token(TOKEN))
    log = HeldLog()
    engine = Engine(letters.world.state, log, lambda: letters.world.now, letters.world.limits)
    async with serve(engine) as client:
        tasks = [asyncio.create_task(Member(client, TOKEN).call("GET", "/v1/export")) for _ in range(20)]
        await log.waited_for_by(len(tasks))
        letters.change()
        log.synced.set()
        answers = await asyncio.gather(*tasks)
    refused = [answer.problem for answer in answers if answer.status != 200]
    assert refused == ["too-many-exports"] * 12
    whole = [answer.data for answer in answers if answer.status == 200]
    assert len(set(whole)) == 1
    assert b"Another" not in whole[0]


async def test_an_export_whose_sync_fails_gives_its_place_back() -> None:
    """Nobody was told of it, so nobody would."""
    letters = Letters(exports_max=1)
    log = HeldLog()
    log.error = OutcomeUnknownError("The sync has failed.")
    log.synced.set()
    engine = Engine(letters.world.state, log, lambda: letters.world.now, letters.world.limits)
    with pytest.raises(OutcomeUnknownError):
        await engine.export(letters.query())
    log.error = None
    await rest_of(await engine.export(letters.query()))


async def test_whoever_is_cancelled_while_it_waits_gives_its_place_back() -> None:
    """As at a failure."""
    letters = Letters(exports_max=1)
    log = HeldLog()
    engine = Engine(letters.world.state, log, lambda: letters.world.now, letters.world.limits)
    task = asyncio.create_task(engine.export(letters.query()))
    await log.waited_for_by(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    log.synced.set()
    await rest_of(await engine.export(letters.query()))


async def read_nothing(letters: Letters, stream: Stream) -> None:
    """Go on with an export, and leave before the first piece."""
    await letters.resume(stream).chunks.aclose()


async def read_a_piece(letters: Letters, stream: Stream) -> None:
    """Go on with an export, and leave after the first piece."""
    chunks = letters.resume(stream).chunks
    await anext(chunks)
    await chunks.aclose()


async def read_all(letters: Letters, stream: Stream) -> None:
    """Read the same export to its end."""
    await rest_of(letters.resume(stream))


@pytest.mark.parametrize("other", [read_nothing, read_a_piece, read_all])
async def test_an_export_is_not_let_go_while_another_stream_of_it_is_read(other: Callable[..., Any]) -> None:
    """However the other stream ends, and however long the first one takes."""
    letters = Letters(export_keep_seconds=AT_ONCE)
    stream = letters.open()
    first = await anext(stream.chunks)
    before = await rest_of(letters.resume(stream))
    await other(letters, stream)
    await due()
    letters.change()
    assert first + await rest_of(stream) == before


@pytest.mark.parametrize("limits", [{"export_keep_seconds": AT_ONCE}, {"exports_max": 1}])
@pytest.mark.parametrize("reads", [0, 1])
async def test_an_export_that_nobody_reads_any_more_is_let_go(limits: dict[str, Any], reads: int) -> None:
    """After its time, or when its place is needed; closing twice is closing once."""
    letters = Letters(**limits)
    stream = letters.open()
    for _ in range(reads):
        await anext(stream.chunks)
    for _ in range(2):
        await stream.chunks.aclose()
    await due()
    if "exports_max" in limits:
        await letters.open().chunks.aclose()
    with pytest.raises(ExportGoneError):
        letters.resume(stream)


async def test_a_stream_that_begins_stops_the_clock() -> None:
    """The export is kept until that stream has ended, though its time would be over long before."""
    letters = Letters(export_keep_seconds=AT_ONCE)
    stream = letters.open()
    before = await rest_of(stream)
    again = letters.resume(stream)
    await due()
    letters.change()
    assert await rest_of(again) == before
    await due()
    with pytest.raises(ExportGoneError):
        letters.resume(stream)


async def test_a_stream_that_fails_gives_its_place_back() -> None:
    """What ends it need not be the client."""
    letters = Letters(exports_max=1, export_kept_bytes=0)
    stream = letters.open()
    await anext(stream.chunks)
    letters.change()
    with pytest.raises(ExportGoneError, match="export_kept_bytes"):
        await rest_of(stream)
    await rest_of(letters.open())


async def test_texts_of_other_documents_take_nothing_of_what_may_be_kept() -> None:
    """An export of a project goes on, however much is changed elsewhere."""
    letters = Letters(export_kept_bytes=0)
    world = letters.world
    foreign = world.document(letters.admin)
    stream = letters.open(project_id=letters.project)
    before = await rest_of(letters.resume(stream))
    world.update(letters.admin, "document", foreign, {"text": "Another."})
    world.delete(letters.admin, "document", foreign)
    world.put(letters.admin, "document", foreign, {"title": "t", "text": "Again."}, create_only=True)
    world.create(letters.owner, "document", title="New", text="New.", project_id=letters.project)
    assert await rest_of(stream) == before


@pytest.mark.parametrize("seed", range(3))
async def test_exports_tell_documents_with_the_texts_that_they_had(seed: int) -> None:
    """Whatever happens to both: changes, deletions, ids that come again, in the same project or as somebody's own."""
    print(f"seed {seed}")  # noqa: T201 - so that a failure can be repeated
    chance = random.Random(seed)
    letters = Letters(exports_max=1000, exports_of_user_max=1000)
    world = letters.world
    opened: list[tuple[Stream, bytes]] = []
    for number in range(300):
        key, text = chance.choice(letters.documents), f"Text {number}."
        if chance.random() < 0.1:
            stream = letters.open(project_id=letters.project)
            opened.append((stream, await rest_of(letters.resume(stream))))
        if world.state.tables["document"].value(key) is None:
            place = {"project_id": letters.project} if chance.random() < 0.7 else {}
            world.put(letters.owner, "document", key, {"title": "t", "text": text, **place}, create_only=True)
        elif chance.random() < 0.5:
            world.update(letters.owner, "document", key, {chance.choice(["text", "title"]): text})
        else:
            world.delete(letters.owner, "document", key)
    assert len(opened) > 10
    for stream, before in opened:
        assert await rest_of(stream) == before


def test_nobody_has_more_than_half_of_the_places_by_default() -> None:
    """Rounded up."""
    limits = load().limits
    assert limits.exports_of_user_max == -(-limits.exports_max // 2)


async def test_exports_of_a_user_are_limited() -> None:
    """One more than may be under way is refused, whatever places there are; those are for others."""
    letters = Letters(exports_max=5, exports_of_user_max=2)
    third = letters.world.user("third@example.org")
    streams = [letters.open(actor) for actor in (letters.owner, letters.admin) for _ in range(2)]
    for actor in (letters.owner, letters.admin):
        with pytest.raises(TooManyExportsError, match="2 exports of yours"):
            letters.open(actor)
    letters.open(third)
    with pytest.raises(TooManyExportsError, match="5 exports are under way"):
        letters.open(third)
    await streams[0].chunks.aclose()
    letters.open()
    with pytest.raises(TooManyExportsError, match="2 exports of yours"):
        letters.open()


@pytest.mark.parametrize("limits", [{"exports_max": 2}, {"exports_of_user_max": 1}])
async def test_a_new_export_takes_the_place_of_ones_own_first(limits: dict[str, int]) -> None:
    """An older one of somebody else, that waits to be resumed, stays."""
    letters = Letters(**limits)
    others = letters.open(letters.admin)
    await others.chunks.aclose()
    for _ in range(3):
        own = letters.open()
        await own.chunks.aclose()
    letters.open()
    with pytest.raises(ExportGoneError):
        letters.resume(own)
    letters.resume(others, letters.admin)


async def test_a_new_export_takes_the_place_of_anybodys_if_all_of_ones_own_are_under_way() -> None:
    """Of the oldest that waits to be resumed; but nobody gets more places than a user may have."""
    letters = Letters(exports_max=3, exports_of_user_max=2)
    waiting = [letters.open(letters.admin), letters.open(letters.admin)]
    for stream in waiting:
        await stream.chunks.aclose()
    for _ in range(2):
        letters.open()
    with pytest.raises(ExportGoneError):
        letters.resume(waiting[0], letters.admin)
    with pytest.raises(TooManyExportsError):
        letters.open()
    letters.resume(waiting[1], letters.admin)
