"""Bulk loads: operations a line, carried out while they arrive, durable chunk by chunk."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Sequence

import msgspec
from aiohttp import web

from service.commands import IdempotencyKey, Outcome
from service.errors import DomainError, MalformedError, RawProblem, TooLargeError, encode_problem
from service.exports import Dangling, EndRestore
from service.http import examples
from service.http.body import media_type_of, say_continue
from service.http.call import CALL
from service.http.endpoint import LINES_TYPE, Body, Endpoint, Reply
from service.http.idempotency import flight, key_of
from service.http.lines import Line, Lines
from service.http.parameters import OFFSET_UNIT, parameters
from service.http.problems import failure_of
from service.http.query import Choice, flag
from service.http.results import Results
from service.http.transactions import REFUSALS, sender_of
from service.operations import Chunk, Load, Loaded, OperationFailure, OperationResult, Step, chunk_id, chunk_key
from service.restoring import ExportLines
from service.slices import in_slices
from service.steps import Operation, step_of_line

_RESULTS = Choice(
    "results",
    "Which lines are told of: those that failed, or all of them.",
    {"errors": False, "all": True},
    "errors",
)
_RESTORE = flag("restore", "The lines are those of an export, and are put back as they are; for administrators.")
_decode = msgspec.json.Decoder(Loaded).decode


class LoadDone(msgspec.Struct, frozen=True, omit_defaults=True):
    """The last line: without it the response was cut.

    Attributes:
        done: All lines were read, and all that was carried out is durable.
        lines: How many there were, without blank ones.
        failed: How many of them were refused.
        sequence: Of the last record that holds some of it.
        omitted: Results that were left out, because the client did not read.
        whole: Of a restore: its lines were all of an export, to its end.
        missing: Of a restore: how many annotations are not there that marks point to.
    """

    done: bool
    lines: int
    failed: int
    sequence: int
    omitted: int = 0
    whole: bool | None = None
    missing: int | None = None


class LoadFailed(msgspec.Struct, frozen=True):
    """The last line if the load ended before its end: why."""

    problem: RawProblem


async def load(request: web.Request) -> web.StreamResponse:
    """Carry out operations line by line: POST /v1/bulk."""
    call = request[CALL]
    media_type_of(request)
    found = parameters(request)
    utf16, restores = OFFSET_UNIT.of(found), _RESTORE.of(found)
    if utf16 and restores:
        raise MalformedError("An export counts code points, and is restored as it is: leave offset_unit out.")
    key = key_of(request, call.actor, b"")
    loading = _Loading(request, key, tells_all=_RESULTS.of(found), utf16=utf16, restores=restores)
    if restores:
        await call.engine.foresee(EndRestore(actor=call.actor, operation=call.operation))
    with flight(call.services.in_flight, key):
        await say_continue(request)
        return await loading.run()


class _Loading:
    """One load.

    Args:
        request: Whose body is loaded.
        key: Of the whole request.
        tells_all: Results of what succeeds are told too.
        utf16: Offsets count UTF-16 units.
        restores: The lines are those of an export.
    """

    def __init__(
        self, request: web.Request, key: IdempotencyKey | None, *, tells_all: bool, utf16: bool, restores: bool
    ) -> None:
        self._call = request[CALL]
        self._content = request.content
        self._limits = self._call.services.settings.limits
        self._key = key
        self._tells_all = tells_all
        self._sender = sender_of(self._call, utf16=utf16)
        self._export = ExportLines(self._sender) if restores else None
        self._source = Lines(request)
        limits = self._limits
        self._results = Results(request, limits.bulk_results_bytes, limits.body_seconds)
        self._left: tuple[Step, ...] = ()
        self._refs: dict[str, str] = {}
        self._awaited: set[str] = set()
        self._lines = 0
        self._failed = 0
        self._sequence = 0

    async def run(self) -> web.StreamResponse:
        """Load all lines and return the response.

        Raises:
            Exception: Whatever went wrong before anything was told; afterwards it is told in the last line.
        """
        try:
            while await self._chunk():
                pass
            done = await self._done()
        except asyncio.CancelledError:
            await self._results.abandon()
            raise
        except Exception as error:
            if not self._results.is_begun:
                raise
            return await self._cut(failure_of(error, self._call.operation))
        return await self._results.end(msgspec.json.encode(done))

    async def _done(self) -> LoadDone:
        done = LoadDone(True, self._lines, self._failed, self._sequence, self._results.omitted)
        if self._export is None:
            return done
        missing = await self._missing()
        return msgspec.structs.replace(done, whole=self._export.is_whole, missing=len(missing))

    async def _await(self, ids: list[str]) -> None:
        """Note what restored marks point to and is yet to come.

        Raises:
            TooLargeError: It is too much.
        """
        self._awaited.update(ids)
        limit = self._limits.bulk_refs_max
        if len(self._awaited) > limit:
            self._awaited = set(await self._missing())
        if len(self._awaited) > limit:
            raise TooLargeError(f"Marks point to more than {limit} annotations that are not there, which is the limit.")

    async def _missing(self) -> list[str]:
        return await self._call.engine.dangling(Dangling(actor=self._call.actor, ids=tuple(self._awaited)))

    async def _chunk(self) -> bool:
        """Carry out the next lines; tell if there were any."""
        call, known = self._call, None
        # Who sends without a pause would be let in once and for all.
        call.services.gate.enter()
        if self._key is not None:
            known = await call.engine.chunk(Chunk(actor=call.actor, id=chunk_id(self._key, self._lines)))
        steps = await self._take(known)
        if not steps:
            return False
        outcome = await self._submit(steps)
        loaded = _decode(outcome.body)
        self._left = steps[loaded.lines :] + self._left
        self._lines += loaded.lines
        self._failed += loaded.failed
        self._refs.update(loaded.refs)
        await self._await(loaded.awaited)
        self._sequence = outcome.sequence
        self._results.tell([bytes(line) for line in loaded.results])
        # Chunks that change nothing wait for nothing: others must have their turn all the same.
        await asyncio.sleep(0)
        return True

    async def _submit(self, steps: tuple[Step, ...]) -> Outcome:
        """Carry lines out. While they become durable, those that come next are read as far as they are here."""
        submitting = asyncio.ensure_future(self._call.engine.submit(self._command(steps)))
        try:
            await asyncio.sleep(0)
            limits = self._limits
            lines = self._source.arrived(
                limits.bulk_chunk_lines - len(self._left), limits.bulk_chunk_bytes - _bytes_of(self._left)
            )
            ahead = await in_slices(self._steps(lines))
        except BaseException:
            submitting.cancel()
            await asyncio.gather(submitting, return_exceptions=True)
            raise
        self._left += ahead
        return await submitting

    async def _take(self, known: int | None) -> tuple[Step, ...]:
        """Return the lines that come next: of a chunk that was answered before as many as it had."""
        count, room = known or self._limits.bulk_chunk_lines, self._limits.bulk_chunk_bytes
        # Not by number alone: of large lines few are kept, and all that are submitted are digested at once.
        taken = min(count, len(self._left)) if known else _within(self._left[:count], room)
        steps, self._left = self._left[:taken], self._left[taken:]
        room -= _bytes_of(steps)
        if not self._left and len(steps) < count and (known or room > 0):
            lines = await self._source.take(count - len(steps), bytes_max=room, waits=not steps, exactly=bool(known))
            steps += await in_slices(self._steps(lines))
        return steps

    def _command(self, steps: tuple[Step, ...]) -> Load:
        return Load(
            actor=self._call.actor,
            operation=self._call.operation,
            idempotency=None if self._key is None else chunk_key(self._key, self._lines, steps),
            steps=steps,
            first=self._lines,
            refs=self._refs,
            fingerprint="" if self._key is None else self._key.fingerprint,
            tells_all=self._tells_all,
        )

    def _steps(self, lines: list[Line]) -> Generator[None, None, tuple[Step, ...]]:
        steps = []
        for line in lines:
            yield
            steps.append(self._step(line))
        return tuple(steps)

    def _step(self, line: Line) -> Step:
        if line.is_too_long:
            if self._export is not None:
                self._export.pass_over()
            detail = f"The line has {line.size} bytes, the limit is {self._limits.bulk_line_bytes}."
            return Step(fault=TooLargeError(detail), line=b"%d bytes" % line.size)
        if self._export is not None:
            return self._export.step_of(line.content)
        return step_of_line(line.content, self._sender)

    async def _cut(self, failure: DomainError) -> web.StreamResponse:
        if not self._content.at_eof():
            # Where the next request begins is known only to who reads on.
            self._results.response.force_close()
        return await self._results.end(msgspec.json.encode(LoadFailed(msgspec.Raw(encode_problem(failure)))))


def _bytes_of(steps: Sequence[Step]) -> int:
    return sum(len(step.line) for step in steps)


def _within(steps: Sequence[Step], bytes_max: int) -> int:
    """Return how many of some steps have so many bytes together, but for the last one."""
    size = 0
    for count, step in enumerate(steps):
        if size >= bytes_max:
            return count
        size += len(step.line)
    return len(steps)


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/bulk",
        handler=load,
        operation="load",
        summary="Carry out operations line by line, as many as there are",
        description="Each for itself, while they arrive, durable chunk by chunk; sent again under the same "
        "idempotency key, what is durable is passed over. Read the answer while you write.",
        replies=[
            Reply(
                status=200,
                description="A line for each line that failed, or for each, and one at the end; without that the "
                "answer was cut.",
                lines=(OperationResult, OperationFailure, LoadDone, LoadFailed),
                example=[
                    {"index": 0, "status": 201, "id": examples.OTHER_DOCUMENT_ID, "version": 1},
                    {"done": True, "lines": 3, "failed": 0, "sequence": 1234},
                ],
                media_types=(LINES_TYPE,),
            )
        ],
        query=(OFFSET_UNIT, _RESULTS, _RESTORE),
        body=Body(
            type=Operation,
            example=examples.OPERATIONS,
            media_types=(LINES_TYPE, "application/ndjson", "application/jsonl"),
            is_lines=True,
        ),
        refuses=REFUSALS,
        scope="write",
        takes_key=True,
        is_stream=True,
    ),
)
