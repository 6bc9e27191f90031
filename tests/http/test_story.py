"""A team labels a corpus, from the project to the result, every step over HTTP; `docs/story.md` tells it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench import corpora
from tests.harness import Member

Spans = set[tuple[int, int]]


@pytest.mark.timeout(600)
async def test_a_corpus_is_labelled_by_two_annotators_and_a_reviewer(
    admin: Member, anna: Member, bert: Member, tmp_path: Path
) -> None:
    """The owner uploads, two annotate each document unseen by each other, a reviewer decides: the result is right."""
    owner, reviewer = await admin.join("owner@example.org"), await admin.join("reviewer@example.org")
    corpus = read(corpora.fetch(tmp_path) / "corpora" / "NCBI-disease")
    assert sum(len(gold) for _, gold in corpus.values()) > len(corpus) > 1

    project = await owner.create(
        "/v1/projects",
        name="Diseases",
        labels=[{"name": "Disease", "types": ["span"]}],
        label_policy="closed",
        annotators="independent",
        assignment={"annotators_per_document": 2},
    )
    for member, role in ((anna, "annotator"), (bert, "annotator"), (reviewer, "reviewer")):
        path = f"/v1/projects/{project['id']}/members/{member.id}"
        assert (await owner.call("PUT", path, {"role": role})).status == 200
    documents = {
        name: await owner.create("/v1/documents", text=text, external_id=name, project_id=project["id"])
        for name, (text, _) in corpus.items()
    }

    names = {document["id"]: name for name, document in documents.items()}
    found = {name: (gold, changed(gold)) for name, (_, gold) in corpus.items()}
    for place, member in enumerate((anna, bert)):
        async for document_id in taken(member, project["id"], "annotate"):
            await annotate(member, document_id, found[names[document_id]][place])
    assert await progress(owner, project["id"]) == {"waiting": 0, "annotated": len(corpus), "reviewed": 0}
    misspelt = {"document_id": next(iter(names)), "start": 0, "end": 1, "label": "Desease"}
    refused = await anna.call("POST", "/v1/annotations", misspelt)
    assert (refused.problem, "Disease" in refused.json["errors"][0]["detail"]) == ("label-unknown", True)
    for member, place in ((anna, 0), (bert, 1)):
        for name, document in documents.items():
            assert spans(await all_of(member, f"document_id={document['id']}")) == found[name][place]

    path = f"/v1/projects/{project['id']}/agreement"
    assert (await anna.call("GET", path)).problem == "forbidden"
    agreement = (await reviewer.call("GET", path)).json
    common = sum(len(one & other) for one, other in found.values())
    total = sum(len(one) + len(other) for one, other in found.values())
    assert agreement["overall"]["exact_f1"] == pytest.approx(2 * common / total)
    assert 0 < agreement["overall"]["kappa"] < 1

    reviewed = []
    async for document_id in taken(reviewer, project["id"], "review"):
        path = f"/v1/documents/{document_id}"
        assert (await anna.call("GET", f"{path}/comparison")).problem == "forbidden"
        await decide(reviewer, path, anna.id)
        reviewed.append(document_id)
    assert sorted(reviewed) == sorted(names)
    assert await progress(owner, project["id"]) == {"waiting": 0, "annotated": len(corpus), "reviewed": len(corpus)}

    for name, document in documents.items():
        decided = await all_of(bert, f"document_id={document['id']}&status=accepted")
        assert {one["author_id"] for one in decided} == {reviewer.id}
        assert all(one["rests_on"] for one in decided)
        assert spans(decided) == corpus[name][1]

    lines = await exported(owner, project["id"])
    assert {line["value"]["external_id"]: line["value"]["text"] for line in lines["document"]} == {
        name: text for name, (text, _) in corpus.items()
    }
    result = [line["value"] for line in lines["annotation"] if line["value"]["status"] == "accepted"]
    for name, document in documents.items():
        assert spans([one for one in result if one["document_id"] == document["id"]]) == corpus[name][1]
    assert len(lines["annotation"]) == len(result) + sum(len(one) + len(other) for one, other in found.values())


def read(directory: Path) -> dict[str, tuple[str, Spans]]:
    """Return of each document its text and where it names a disease."""
    found = {}
    for path in sorted(directory.glob("*.txt")):
        lines = path.with_suffix(".ann").read_text(encoding="utf-8").splitlines()
        places = [line.split("\t")[1].split() for line in lines if line.startswith("T")]
        found[path.stem] = path.read_text(encoding="utf-8"), {(int(start), int(end)) for _, start, end in places}
    return found


def changed(gold: Spans) -> Spans:
    """Return what somebody finds who misses each fifth disease, and begins each seventh too late."""
    ordered = sorted(gold)
    return {
        (start + (place % 7 == 0 and end - start > 1), end)
        for place, (start, end) in enumerate(ordered)
        if place % 5 != 1
    }


def spans(annotations: list[dict[str, Any]]) -> Spans:
    """Return where annotations are."""
    return {(one["start"], one["end"]) for one in annotations}


async def taken(member: Member, project_id: str, task: str) -> AsyncIterator[str]:
    """Take the documents of a project, one after the other, until there is none left for the task.

    What is annotated is done when the annotator says so; what is reviewed is by its adjudication.
    """
    while True:
        answer = await member.call("POST", f"/v1/projects/{project_id}/next", {"task": task})
        if answer.status == 204:
            return
        assert (answer.status, answer.json["user_id"]) == (201, member.id)
        yield answer.json["document_id"]
        path = f"/v1/assignments/{answer.json['id']}"
        if task == "annotate":
            assert (await member.call("PATCH", path, {"state": "done"})).status == 200
        assert (await member.call("GET", path)).json["state"] == "done"


async def progress(member: Member, project_id: str) -> dict[str, int]:
    """Return how many documents wait, are annotated and are reviewed."""
    counts = (await member.call("GET", f"/v1/projects/{project_id}/progress")).json["documents"]
    return {name: counts[name] for name in ("waiting", "annotated", "reviewed")}


async def exported(member: Member, project_id: str) -> dict[str, list[dict[str, Any]]]:
    """Return the lines of an export by kind; it must be whole."""
    answer = await member.call("GET", f"/v1/export?project_id={project_id}")
    *lines, last = map(msgspec.json.decode, answer.data.splitlines())
    assert (last["done"], last["lines"]) == (True, len(lines))
    found: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        found.setdefault(line["kind"], []).append(line)
    return found


async def decide(reviewer: Member, path: str, author_id: str) -> None:
    """Compare what there is on a document, and take what one annotator has."""
    compared = (await reviewer.call("GET", f"{path}/comparison")).json
    decided = [
        {"take": one["id"], "rests_on": [other["id"] for other in item["annotations"] if other is not one]}
        for item in compared["items"]
        for one in item["annotations"]
        if one["author_id"] == author_id
    ]
    answer = await reviewer.call("POST", f"{path}/adjudication", {"decided": decided})
    assert (answer.status, answer.json["document"]["reviewed_by"]) == (200, reviewer.id)


async def annotate(member: Member, document_id: str, places: Spans) -> None:
    """Put an annotation on each place."""
    for start, end in sorted(places):
        await member.create("/v1/annotations", document_id=document_id, start=start, end=end, label="Disease")


async def all_of(member: Member, query: str) -> list[dict[str, Any]]:
    """Return all annotations that somebody sees, over all pages."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = (await member.call("GET", f"/v1/annotations?limit=50&{query}{cursor}")).json
        found += page["items"]
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"
