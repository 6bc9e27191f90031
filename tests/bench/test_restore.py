"""The comparison of two servers by `bench.restore`, with a small corpus."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.restore import Copies, Corpus, compare
from service.brat.mapping import draft_marks
from service.brat.transfer import read_document

TEXT = "Marie Curie met Albert Einstein.\n"
ANN = "T1\tPerson 0 11\tMarie Curie\nT2\tPerson 16 31\tAlbert Einstein\nR1\tmet Arg1:T1 Arg2:T2\n"


@pytest.fixture
def corpora(tmp_path: Path) -> Path:
    """Give a corpus of two documents."""
    directory = tmp_path / "corpora"
    directory.mkdir()
    for name in ("a", "b"):
        (directory / f"{name}.txt").write_text(TEXT)
        (directory / f"{name}.ann").write_text(ANN)
    return directory


async def test_copies_have_ids_of_their_own(corpora: Path) -> None:
    """Each time others, and the same when they are gone through again."""
    document = await read_document(corpora, "a")
    corpus: Corpus = [(document, [mark for generation in draft_marks(document) for mark in generation])]
    copies = Copies(corpus, 3, "proj_1")
    ids = [one.id for one in copies]
    assert len(set(ids)) == len(ids) == len(copies) == copies.sent == 3 * 4
    assert [one.id for one in copies] == ids


async def test_both_servers_hold_the_same(corpora: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Their digests are told, and nothing went wrong."""
    assert await compare(corpora, 5, tmp_path) == []
    told = capsys.readouterr().out
    for what in ("exports", "states"):
        first, second = told.partition(f"digests of the {what}: ")[2].partition("\n")[0].split(", ")
        assert first == second
        assert len(first) == 32
