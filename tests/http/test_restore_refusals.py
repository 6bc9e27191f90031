"""Lines of an export that cannot be put back: each is refused for itself, with its number, its place and the reason."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.clock import format_time, now
from service.commands import LOCAL_ADMIN
from service.contents import SettleBlobs
from tests.harness import Answer, Member, open_app, open_engine, serve
from tests.http.story import TEXT, opened, replayed, restore, tell_a_story
from tests.http.test_api_keys import by_key as key_of
from tests.http.test_bulk import told

Line = dict[str, Any]
Lines = list[Line]
Change = Callable[[Lines, Line], None]
KINDS = ("project", "document", "extraction", "annotation", "assignment")
STRANGER = "user_01h455vb4pex5vsknk084sn02q"
NO_DOCUMENT = "doc_01h455vb4pex5vsknk084sn02q"
FAR = "2999-01-01T00:00:00.000000Z"
EARLY = "2001-01-01T00:00:00.000000Z"


async def told_of(directory: Path) -> Lines:
    """Return the lines of a story, without the last."""
    async with open_app(directory) as client:
        admin = await Member(client).join("admin@example.org")
        await tell_a_story(admin)
        return lines_of((await admin.call("GET", "/v1/export")).data)


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Lines:
    """Give the lines of a story, without the last."""
    return asyncio.run(told_of(tmp_path_factory.mktemp("source")))


def lines_of(data: bytes) -> Lines:
    """Return the lines of an export without the last."""
    return [msgspec.json.decode(line) for line in data.splitlines()[:-1]]


def body_of(lines: Lines, *further: Any) -> bytes:
    """Return lines as a body, with a last one."""
    return b"".join(
        msgspec.json.encode(line) + b"\n" for line in [*lines, *further, {"done": True, "lines": len(lines)}]
    )


def line_of(kind: str, value: dict[str, Any]) -> Line:
    """Return the line of an entity."""
    return {"op": "create", "kind": kind, "id": value["id"], "value": value}


def refused(answer: Answer) -> tuple[int, int, str, list[str]]:
    """Return place, status, problem and pointers of the first line that was refused."""
    results, _ = told(answer)
    first = results[0]
    problem = first["problem"]
    pointers = [error["pointer"] for error in problem.get("errors", ())]
    return first["index"], first["status"], problem["type"].removeprefix("/problems/"), pointers


def put(**members: Any) -> Change:
    """Return a change of members of the value."""
    return lambda _lines, line: line["value"].update(members)


def drop(*names: str) -> Change:
    """Return a change that takes members away."""

    def change(_lines: Lines, line: Line) -> None:
        for name in names:
            del line["value"][name]

    return change


def other_id(_lines: Lines, line: Line) -> None:
    """Let the value be of another entity than the line."""
    line["id"] = line["id"][:-1] + ("0" if line["id"][-1] != "0" else "1")


def wrong_id(_lines: Lines, line: Line) -> None:
    """Let the id have no form."""
    line["id"] = line["value"]["id"] = "nonsense"


def same_external_id(lines: Lines, line: Line) -> None:
    """Let the next document have the foreign id of this one."""
    later = lines[lines.index(line) + 1]
    line["value"]["external_id"] = later["value"]["external_id"]


def points_elsewhere(name: str) -> Change:
    """Return a change that lets a mark point to an extraction that is not there, or to itself."""

    def change(_lines: Lines, line: Line) -> None:
        value = line["value"]
        if name == "self":
            value["rests_on"] = [value["id"]]
        elif name == "arguments":
            value["arguments"] = [{"role": "a", "target": "ext_01h455vb4pex5vsknk084sn02q"}]
        else:
            value[name] = "ext_01h455vb4pex5vsknk084sn02q"

    return change


def of_another_project(lines: Lines, line: Line) -> None:
    """Let an assignment be of the project that its document is not in."""
    line["value"]["project_id"] = lines[1]["id"]


def is_again(lines: Lines, line: Line) -> None:
    """Let the assignment be that of an earlier one."""
    earlier = next(one for one in lines if one["kind"] == "assignment")
    line["value"].update({name: earlier["value"][name] for name in ("document_id", "user_id", "task")})


def test_all_kinds_have_cases() -> None:
    """Each kind of an export is tried."""
    assert {kind for kind, *_ in CASES} == set(KINDS)


HEADS: list[tuple[Change, str]] = [
    (put(version=0), "/value/version"),
    (put(version="1"), "/value/version"),
    (put(version=None), "/value/version"),
    (put(created_at="yesterday"), "/value/created_at"),
    (put(created_at=FAR, updated_at=FAR), "/value/created_at"),
    (put(updated_at=EARLY), "/value/updated_at"),
    (put(updated_at="2026-01-01T00:00:00Z"), "/value/updated_at"),
    (put(colour="red"), "/value/colour"),
    (drop("updated_at"), "/value"),
    (other_id, "/value/id"),
    (wrong_id, "/id"),
    (lambda _lines, line: line.update(op="update"), "/op"),
    (lambda _lines, line: line.update(kind="user"), "/kind"),
    (lambda _lines, line: line.update(ref="name"), "/ref"),
    (lambda _lines, line: line.update(value=[]), "/value"),
]
CASES: list[tuple[str, int, Change, str]] = [
    *[(kind, 0, change, pointer) for kind in KINDS for change, pointer in HEADS],
    ("project", 0, put(members={}), "/value/members"),
    ("project", 0, put(members={"anna": "owner"}), "/value/members"),
    ("project", 0, put(members={STRANGER: "king"}), "/value/members/*"),
    ("project", 0, put(labels=[{"name": "a"}, {"name": "a"}]), "/value/labels/1/name"),
    ("document", 0, put(project_id="proj_01h455vb4pex5vsknk084sn02q"), "/value/project_id"),
    ("document", 0, put(project_id=None, owner_id=STRANGER), "/value/owner_id"),
    ("document", 0, put(owner_id="anna"), "/value/owner_id"),
    ("document", 0, put(length=1), "/value/length"),
    ("document", 0, put(text=None), "/value/length"),
    ("document", 0, put(pages=[{"number": 1, "width": 1, "height": 1, "start": 0, "end": 999}]), "/value/pages/0/end"),
    ("document", 0, put(derived_from="nothing"), "/value/derived_from"),
    ("document", 0, put(reviewed_at=None), "/value/reviewed_by"),
    ("document", 0, put(reviewed_at=FAR), "/value/reviewed_at"),
    ("document", 0, put(reviewed_by="anna"), "/value/reviewed_by"),
    ("document", 0, put(content={"media_type": "a/b", "size": 1, "sha256": "0" * 64}), "/value/content"),
    ("document", 0, drop("title"), "/value"),
    ("extraction", 0, put(document_id=NO_DOCUMENT), "/value/document_id"),
    ("extraction", 0, put(end=999), "/value/end"),
    ("extraction", 0, put(start=None), "/value/start"),
    ("extraction", 0, put(text=None), "/value/text"),
    ("extraction", 0, put(confidence=2), "/value/confidence"),
    ("extraction", 0, put(type="event"), "/value/arguments"),
    ("extraction", 1, drop("type"), "/value"),
    ("annotation", 0, put(document_id=NO_DOCUMENT), "/value/document_id"),
    ("annotation", 0, put(author_id="anna"), "/value/author_id"),
    ("annotation", 0, points_elsewhere("extraction_id"), "/value/extraction_id"),
    ("annotation", 0, put(extraction_id=None), "/value/extraction_id"),
    ("annotation", 0, points_elsewhere("arguments"), "/value/arguments/0/target"),
    ("annotation", 0, points_elsewhere("self"), "/value/rests_on/0"),
    ("assignment", 0, put(document_id=NO_DOCUMENT), "/value/document_id"),
    ("assignment", 0, of_another_project, "/value/project_id"),
    ("assignment", 0, put(user_id="anna"), "/value/user_id"),
    ("assignment", 0, put(started_at=None), "/value/started_at"),
    ("assignment", 0, put(started_at="now"), "/value/started_at"),
    ("assignment", 0, put(released_at=FAR), "/value/released_at"),
]


@pytest.mark.parametrize("case", range(len(CASES)))
async def test_a_line_that_breaks_a_rule_is_refused(lines: Lines, tmp_path: Path, case: int) -> None:
    """With its number and the place in it; nothing of it is stored, and what came before it is."""
    kind, number, change, pointer = CASES[case]
    mine = msgspec.json.decode(msgspec.json.encode(lines))
    line = [one for one in mine if one["kind"] == kind][number]
    place = mine.index(line)
    change(mine, line)
    async with opened(tmp_path / "target") as (_, admin):
        answer = await restore(admin, body_of(mine))
        index, status, problem, pointers = refused(answer)
        assert (index, status) == (place, 422), (problem, pointers)
        assert pointers[0] == pointer
        results, last = told(answer)
        assert last["failed"] == len(results) >= 1
        exported = lines_of((await admin.call("GET", "/v1/export")).data)
        assert lines[place] not in exported
        assert exported[:place] == lines[:place]


@pytest.mark.parametrize(
    ("kind", "change", "problem"),
    [("document", same_external_id, "taken"), ("extraction", put(text="Marie Curia"), "text-mismatch")],
)
async def test_what_is_told_by_a_problem_of_its_own(
    lines: Lines, tmp_path: Path, kind: str, change: Change, problem: str
) -> None:
    """As for single requests."""
    mine = msgspec.json.decode(msgspec.json.encode(lines))
    change(mine, next(one for one in mine if one["kind"] == kind))
    async with opened(tmp_path / "target") as (_, admin):
        assert refused(await restore(admin, body_of(mine)))[2] == problem


async def test_an_assignment_is_there_once(lines: Lines, tmp_path: Path) -> None:
    """A user has a document once for each task."""
    mine = msgspec.json.decode(msgspec.json.encode(lines))
    is_again(mine, mine[-1])
    async with opened(tmp_path / "target") as (_, admin):
        assert refused(await restore(admin, body_of(mine))) == (len(mine) - 1, 409, "taken", ["/value/user_id"])


async def test_what_is_there_otherwise_stays(lines: Lines, tmp_path: Path) -> None:
    """An entity that was changed here, or that the export tells otherwise, is 409; so is one with another text."""
    async with opened(tmp_path / "target") as (_, admin):
        told(await restore(admin, body_of(lines)))
        place = next(place for place, one in enumerate(lines) if one["kind"] == "document")
        path = f"/v1/documents/{lines[place]['id']}"
        assert (await admin.call("PATCH", path, {"title": "Mine"})).status == 200
        assert refused(await restore(admin, body_of(lines))) == (place, 409, "conflict", [])
        assert (await admin.call("GET", path)).json["title"] == "Mine"
        mine = msgspec.json.decode(msgspec.json.encode(lines))
        other = next(n for n, one in enumerate(mine) if one["value"].get("text") == TEXT and n > place)
        mine[other]["value"]["text"] = TEXT[::-1]
        results, _ = told(await restore(admin, body_of(mine)))
        assert [one["index"] for one in results] == [place, other]


async def test_what_is_older_than_what_is_there_is_refused(lines: Lines, tmp_path: Path) -> None:
    """Lists and their bounds of time rest on the order of creation; nothing of it is stored."""
    async with opened(tmp_path / "target") as (_, admin):
        await admin.create("/v1/documents", title="newer")
        place = next(place for place, one in enumerate(lines) if one["kind"] == "document")
        results, last = told(await restore(admin, body_of(lines)))
        assert (results[0]["index"], results[0]["problem"]["errors"][0]["pointer"]) == (place, "/value/created_at")
        assert {one["problem"]["type"] for one in results[:5]} == {"/problems/conflict"}
        assert (await admin.call("GET", "/v1/documents?count=true")).json["total"] == 1
        assert last["whole"] is True


async def test_what_was_deleted_here_does_not_come_back(lines: Lines, tmp_path: Path) -> None:
    """Unless in a later version: entity tags are never given twice."""
    async with opened(tmp_path / "target") as (_, admin):
        told(await restore(admin, body_of(lines)))
        last = lines[-1]
        assert (await admin.call("DELETE", f"/v1/assignments/{last['id']}")).status == 204
        assert refused(await restore(admin, body_of(lines))) == (len(lines) - 1, 409, "conflict", [])
        later = {**last, "value": {**last["value"], "version": last["value"]["version"] + 1}}
        assert told(await restore(admin, body_of([*lines[:-1], later])))[0] == []
        assert (await admin.call("GET", f"/v1/assignments/{last['id']}")).json == later["value"]


async def test_an_export_that_is_not_whole_is_told(lines: Lines, tmp_path: Path) -> None:
    """Without its last line, with one that counts otherwise, with one that tells of a cut, or with more behind it."""
    end = {"done": True, "lines": len(lines)}
    problem = {"type": "/problems/export-gone", "detail": "Too much was changed."}
    bodies: list[tuple[list[Any], int, str | None]] = [
        (lines, 0, None),
        ([*lines, {"done": True, "lines": len(lines) + 1}], 1, "invalid"),
        ([*lines, {"done": True, "lines": len(lines) - 1}], 1, "invalid"),
        ([*lines[:-1], {"done": False, "problem": problem}], 1, "conflict"),
        ([*lines, {"done": "yes"}], 1, "invalid"),
        ([*lines, end, lines[0]], 1, "conflict"),
        ([*lines, end], 0, None),
        ([*lines[:-1], {"done": True}], 0, None),
    ]
    async with opened(tmp_path / "target") as (_, admin):
        for place, (body, failed, name) in enumerate(bodies):
            answer = await restore(admin, b"\n".join(map(msgspec.json.encode, body)))
            results, last = told(answer)
            whole = place >= 5
            assert (last["failed"], last["whole"]) == (failed, whole), place
            assert [one["problem"]["type"].removeprefix("/problems/") for one in results] == ([name] if name else [])


async def test_annotations_that_are_yet_to_come_are_counted(lines: Lines, tmp_path: Path) -> None:
    """A mark may point to one that follows; that it did not come is told at the end."""
    group = next(one for one in lines if one["value"].get("type") == "group")
    targets = {one["target"] for one in group["value"]["arguments"] if one["target"].startswith("ann_")}
    assert lines.index(group) < min(place for place, one in enumerate(lines) if one["id"] in targets)
    async with opened(tmp_path / "target") as (_, admin):
        for headers in ({"Idempotency-Key": "k"}, {"Idempotency-Key": "k"}, {}):
            # Answered under the key, or passed over: it is missing all the same.
            _, last = told(await restore(admin, body_of(lines[: lines.index(group) + 1]), headers=headers))
            assert last["missing"] == len(targets) == 1
        _, last = told(await restore(admin, body_of(lines)))
        assert last["missing"] == 0


@pytest.mark.parametrize(("limit", "passes"), [(3, True), (2, False)])
async def test_as_many_may_be_yet_to_come_as_names_may_be(tmp_path: Path, limit: int, passes: bool) -> None:
    """At the same time: those that have come do not count any more."""
    flags = {"limits": {"bulk_refs_max": limit, "bulk_chunk_lines": 1}}
    async with open_app(tmp_path / "source") as client:
        first = await Member(client).join("admin@example.org")
        project = await first.create("/v1/projects", name="p")
        document = await first.create("/v1/documents", text=TEXT, project_id=project["id"])
        path = f"/v1/documents/{document['id']}/annotations"
        for _ in range(2):
            group = await first.create(path, type="group")
            targets = [(await first.create(path, start=0, end=end))["id"] for end in (1, 2, 3)]
            arguments = [{"role": "part", "target": target} for target in targets]
            assert (await first.call("PATCH", f"/v1/annotations/{group['id']}", {"arguments": arguments})).status == 200
        lines = lines_of((await first.call("GET", "/v1/export")).data)
    async with open_app(tmp_path / "target", flags) as client:
        admin = await Member(client).join("other@example.org")
        answer = await restore(admin, body_of(lines), "&results=all")
        last = msgspec.json.decode(answer.data.splitlines()[-1])
        assert last.get("missing") == (0 if passes else None)
        if not passes:
            assert last["problem"]["type"] == "/problems/too-large"


async def test_only_administrators_restore(lines: Lines, tmp_path: Path) -> None:
    """Whoever else asks is refused before a line is read; so is a key that is not an administrator's."""
    async with opened(tmp_path / "target") as (client, admin):
        member = await admin.join("member@example.org")
        nobody = Member(client)
        assert (await restore(nobody, body_of(lines))).problem == "unauthenticated"
        answer = await restore(member, body_of(lines))
        assert (answer.status, answer.problem) == (403, "forbidden")
        by_key = await key_of(admin, "write", "projects")
        answer = await restore(by_key, body_of(lines))
        assert (answer.status, answer.problem) == (403, "insufficient-scope")
        by_key = await key_of(admin, "write", "admin")
        assert told(await restore(by_key, body_of(lines)))[0] == []


@pytest.mark.parametrize("query", ["&offset_unit=utf16", "&restore=true", "&project_id=proj_1"])
async def test_what_makes_no_sense_with_it_is_malformed(lines: Lines, tmp_path: Path, query: str) -> None:
    """Nothing is done then."""
    async with opened(tmp_path / "target") as (_, admin):
        assert (await restore(admin, body_of(lines), query)).problem == "malformed"
        assert (await admin.call("GET", "/v1/projects?count=true")).json["total"] == 0


async def test_limits_hold(tmp_path: Path) -> None:
    """A text of the largest size goes, one past it does not; a line that is too long fails alone, and counts."""
    flags = {"limits": {"text_bytes": 1024, "bulk_line_bytes": 2000}}
    time = format_time(now())
    async with open_app(tmp_path / "target", flags) as client:
        admin = await Member(client).join("admin@example.org")

        def document(number: int, text: str, title: str = "") -> Line:
            key = f"doc_01h455vb4pex5vsknk084sn02{number}"
            head = {"id": key, "version": 1, "created_at": time, "updated_at": time}
            members = {"owner_id": admin.id, "title": title, "metadata": {}, "length": len(text), "text": text}
            return {"op": "create", "kind": "document", "id": key, "value": head | members}

        body = body_of([document(1, "x" * 1024), document(2, "x" * 1025), document(3, "", "x" * 2000), document(4, "")])
        results, last = told(await restore(admin, body))
        assert [(one["index"], one["status"]) for one in results] == [(1, 413), (2, 413)]
        assert (last["lines"], last["whole"]) == (5, True)
        assert len(lines_of((await admin.call("GET", "/v1/export")).data)) == 2


async def test_a_content_must_be_there_first(tmp_path: Path) -> None:
    """Its bytes come as the content of any document, which may go again."""
    content = {"data": b"%PDF", "headers": {"Content-Type": "application/pdf"}}

    async def give(admin: Member, document_id: str) -> None:
        answer = await admin.call("PUT", f"/v1/documents/{document_id}/content", **content)  # type: ignore[arg-type]
        assert answer.status == 201

    async with open_app(tmp_path / "source", {"data": {"directory": str(tmp_path / "source")}}) as client:
        first = await Member(client).join("admin@example.org")
        project = await first.create("/v1/projects", name="p")
        document = await first.create("/v1/documents", project_id=project["id"])
        await give(first, document["id"])
        lines = lines_of((await first.call("GET", "/v1/export")).data)
    sha256 = lines[1]["value"]["content"]["sha256"]
    directory = tmp_path / "target"
    flags = {"data": {"directory": str(directory)}}
    async with open_engine(directory, flags) as engine, serve(engine, flags) as client:
        admin = await Member(client).join("other@example.org")
        assert refused(await restore(admin, body_of(lines))) == (1, 422, "invalid", ["/value/content"])
        carrier = (await admin.create("/v1/documents", title="carries bytes"))["id"]
        await give(admin, carrier)
        assert (await admin.call("DELETE", f"/v1/documents/{carrier}")).status == 204
        # Maintenance may have noticed that no document names it any more.
        await engine.submit(SettleBlobs(actor=LOCAL_ADMIN, operation="o", ids=(sha256,), oldest=0))
        assert told(await restore(admin, body_of(lines)))[0] == []
        answer = await admin.call("GET", f"/v1/documents/{document['id']}/content")
        assert (answer.status, answer.data) == (200, b"%PDF")
    assert not (await replayed(directory)).tables["blob"].row(sha256).released


async def test_what_is_private_to_another_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    """An administrator is told neither that it is there nor that it was, and puts nothing there."""
    async with opened(tmp_path / "target") as (_, admin):
        member = await admin.join("member@example.org")
        document = await member.create("/v1/documents", text=TEXT)
        mark = await member.create("/v1/annotations", document_id=document["id"], start=0, end=5)
        gone = await member.create("/v1/annotations", document_id=document["id"], start=0, end=5)
        assert (await member.call("DELETE", f"/v1/annotations/{gone['id']}")).status == 204
        free = {**mark, "id": "ann_01h455vb4pex5vsknk084sn02q", "created_at": format_time(now())}
        free["updated_at"] = free["created_at"]
        private = {**document, "text": TEXT}
        other = {**private, "id": NO_DOCUMENT, "created_at": free["created_at"], "updated_at": free["created_at"]}
        mine = [line_of("document", private), *[line_of("annotation", one) for one in (mark, gone, free)]]
        results, _ = told(await restore(admin, body_of([*mine, line_of("document", other)])))
        assert [one["status"] for one in results] == [404, 404, 404, 422, 422]
        pointers = [[error["pointer"] for error in one["problem"]["errors"]] for one in results[3:]]
        assert pointers == [["/value/document_id"], ["/value/owner_id"]]
        # One's own goes, and is there then.
        own = line_of("document", {**other, "owner_id": admin.id})
        assert told(await restore(admin, body_of([own])))[0] == []
        assert (await admin.call("GET", f"/v1/documents/{NO_DOCUMENT}")).json == own["value"]
