"""A corpus on its way in or out, through the async client. An import that was cut off is simply run again."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

import aiofiles
import msgspec

from service.brat.entries import StandoffError
from service.brat.mapping import BratDocument, DraftedMark, draft_document, draft_marks
from service.brat.rendering import render_document
from service.brat.standoff import parse, render
from service.client import Client, types

_DOCUMENTS_AT_ONCE = 8
_MARKS_AT_ONCE = 8
_PAGE_SIZE = 1000
Progress = Callable[[int], object]


def paths_of(directory: Path) -> list[str]:
    """Return what a corpus holds: paths of pairs of ``.txt`` and ``.ann``, relative and without suffix, in order.

    Raises:
        StandoffError: There is none, or an ``.ann`` has no ``.txt``.
    """
    found = sorted(path.relative_to(directory).with_suffix("").as_posix() for path in directory.rglob("*.ann"))
    for path in found:
        if not (directory / f"{path}.txt").is_file():
            raise StandoffError(f"{path}.ann", 0, found="no text beside it", expected=f"{path}.txt")
    if not found:
        raise StandoffError(str(directory), 0, found="no .ann file", expected="pairs of .txt and .ann")
    return found


async def read_document(directory: Path, path: str) -> BratDocument:
    """Read a pair of files as they are, newlines and all.

    Raises:
        StandoffError: They are not UTF-8, or a line is no stand-off.
    """
    text = await _read(directory, f"{path}.txt")
    ann = await _read(directory, f"{path}.ann")
    return BratDocument(path=path, text=text, entries=parse(ann, f"{path}.ann"))


async def import_corpus(
    client: Client, directory: Path, on_progress: Progress = lambda _: None
) -> list[types.Document]:
    """Create the documents and marks of a corpus.

    Each request's idempotency key follows from the corpus, so what was created by an earlier try within the time
    that the server keeps keys is not created again.

    Args:
        client: Logged in.
        directory: Of the corpus.
        on_progress: Called with the number of documents since the last call.

    Raises:
        StandoffError: A file cannot be read; all are read before anything is created.
        ClientError: The server refused, or did not answer.
    """
    corpus = [await read_document(directory, path) for path in paths_of(directory)]
    drafted = [draft_marks(document) for document in corpus]
    limit = asyncio.Semaphore(_DOCUMENTS_AT_ONCE)

    async def one(place: int) -> types.Document:
        async with limit:
            created = await _import_document(client, corpus[place], drafted[place])
        on_progress(1)
        return created

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(place)) for place in range(len(corpus))]
    return [task.result() for task in tasks]


async def export_corpus(client: Client, directory: Path, on_progress: Progress = lambda _: None) -> list[str]:
    """Write the user's documents as pairs of files; returns their paths.

    A document without `external_id` is named by its id.

    Raises:
        Unrenderable: A mark has no form in stand-off.
        StandoffError: A document's `external_id` leads out of the directory.
        ClientError: The server refused, or did not answer.
    """
    paths = []
    async for listed in client.documents.list():
        document = await client.documents.get(listed.id)
        marks = [mark async for mark in client.annotations.list(document_id=document.id, page_size=_PAGE_SIZE)]
        path = document.external_id or document.id
        entries = render_document(document, marks)
        target = await asyncio.to_thread(_place, directory, path)
        await _write(directory / f"{path}.txt", document.text or "")
        await _write(target, render(entries))
        paths.append(path)
        on_progress(1)
    return paths


def _place(directory: Path, path: str) -> Path:
    """Return where an ``.ann`` goes, in a directory that is there."""
    target = (directory / f"{path}.ann").resolve()
    if not target.is_relative_to(directory.resolve()):
        raise StandoffError(path, 0, found="an external_id that leads out of the directory", expected="one within")
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


async def _import_document(
    client: Client, document: BratDocument, generations: list[list[DraftedMark]]
) -> types.Document:
    draft = draft_document(document)
    key = _Keys(document)
    created = await client.documents.create(draft, idempotency_key=key.of("document"))
    ids: dict[str, str] = {}
    limit = asyncio.Semaphore(_MARKS_AT_ONCE)

    async def create(ref: str, mark: types.AnnotationDraft) -> None:
        placed = msgspec.structs.replace(
            mark,
            document_id=created.id,
            arguments=mark.arguments and tuple(_with_target(one, ids[one.target]) for one in mark.arguments),
        )
        async with limit:
            ids[ref] = (await client.annotations.create(placed, idempotency_key=key.of(ref))).id

    for generation in generations:
        async with asyncio.TaskGroup() as group:
            for drafted in generation:
                group.create_task(create(drafted.ref, drafted.draft))
    return created


class _Keys:
    """Idempotency keys that follow from a document's content."""

    def __init__(self, document: BratDocument) -> None:
        content = msgspec.json.encode([document.path, document.text, [str(entry) for entry in document.entries]])
        self._digest = hashlib.blake2b(content, digest_size=16).hexdigest()

    def of(self, ref: str) -> str:
        return f"brat-{self._digest}-{ref}"


def _with_target(argument: types.Argument, target: str) -> types.Argument:
    return msgspec.structs.replace(argument, target=target)


async def _read(directory: Path, path: str) -> str:
    async with aiofiles.open(directory / path, "rb") as file:
        content = await file.read()
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        found = f"{error.reason} at byte {error.start}"
        raise StandoffError(path, 0, found=found, expected="UTF-8") from error


async def _write(path: Path, content: str) -> None:
    async with aiofiles.open(path, "wb") as file:
        await file.write(content.encode())
