"""A corpus on its way in or out, through the async client. An import that was cut off is simply run again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from pathlib import Path

import aiofiles
import msgspec
from msgspec.structs import replace

from service.brat.entries import StandoffError
from service.brat.mapping import BratDocument, DraftedMark, draft_document, draft_marks
from service.brat.rendering import Unrenderable, render_document
from service.brat.standoff import parse, render
from service.client import Client, types
from service.client.collection import Collection as Entities
from service.client.collection import D, E, M
from service.client.errors import ProblemError
from service.ids import named

_DOCUMENTS_AT_ONCE = 8
_MARKS_AT_ONCE = 8
_PAGE_SIZE = 1000
_DELETED = ("gone", "not-found")
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

    Ids follow from the user and the content of the files, so what an earlier try has created is not created again.

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
    user = await client.me()

    async def one(place: int) -> types.Document:
        async with limit:
            created = await _import_document(client, _Ids(user.id, corpus[place]), corpus[place], drafted[place])
        on_progress(1)
        return created

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(place)) for place in range(len(corpus))]
    return [task.result() for task in tasks]


class Exported(msgspec.Struct, frozen=True):
    """What came of an export.

    Attributes:
        paths: Of the pairs that were written.
        refused: Documents with marks that stand-off has no line for; they were left out.
    """

    paths: list[str]
    refused: list[Unrenderable]


async def export_corpus(client: Client, directory: Path, on_progress: Progress = lambda _: None) -> Exported:
    """Write the user's documents as pairs of files.

    A document is named by its `external_id`; one without, or whose `external_id` an earlier one has, by its id too.

    Raises:
        StandoffError: A document's `external_id` leads out of the directory.
        ClientError: The server refused, or did not answer.
    """
    exported = Exported([], [])
    async for listed in client.documents.list():
        try:
            document = await client.documents.get(listed.id)
            marks = [mark async for mark in client.annotations.list(document_id=document.id, page_size=_PAGE_SIZE)]
            entries = render_document(document, marks)
        except Unrenderable as error:
            exported.refused.append(error)
            continue
        except ProblemError as error:
            if error.name not in _DELETED:
                raise
            continue
        path = _path(document, exported.paths)
        target = await asyncio.to_thread(_place, directory, path)
        await _write(directory / f"{path}.txt", document.text or "")
        await _write(target, render(entries))
        exported.paths.append(path)
        on_progress(1)
    return exported


def _path(document: types.Document, taken: Collection[str]) -> str:
    if document.external_id is None:
        return document.id
    return f"{document.external_id}-{document.id}" if document.external_id in taken else document.external_id


def _place(directory: Path, path: str) -> Path:
    """Return where an ``.ann`` goes, in a directory that is there."""
    target = (directory / f"{path}.ann").resolve()
    if not target.is_relative_to(directory.resolve()):
        raise StandoffError(path, 0, found="an external_id that leads out of the directory", expected="one within")
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


class _Ids:
    """Ids that follow from whose a document is and what it holds."""

    def __init__(self, user_id: str, document: BratDocument) -> None:
        content = [user_id, document.path, document.text, [str(entry) for entry in document.entries]]
        self.document = named("doc", msgspec.json.encode(content))

    def mark(self, ref: str) -> str:
        return named("ann", self.document.encode() + b" " + ref.encode())


async def _import_document(
    client: Client, ids: _Ids, document: BratDocument, generations: list[list[DraftedMark]]
) -> types.Document:
    created = await _ensure(client.documents, ids.document, draft_document(document))
    limit = asyncio.Semaphore(_MARKS_AT_ONCE)

    async def create(ref: str, mark: types.AnnotationDraft) -> None:
        targets = mark.arguments and tuple(replace(one, target=ids.mark(one.target)) for one in mark.arguments)
        async with limit:
            await _ensure(client.annotations, ids.mark(ref), replace(mark, document_id=created.id, arguments=targets))

    for generation in generations:
        async with asyncio.TaskGroup() as group:
            for drafted in generation:
                group.create_task(create(drafted.ref, drafted.draft))
    return created


async def _ensure(collection: Entities[D, E, M], entity_id: str, draft: D) -> E:
    try:
        return await collection.replace(entity_id, draft, create_only=True)
    except ProblemError as error:
        if error.name != "precondition-failed":
            raise
        return await collection.get(entity_id)


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
