"""The seeded bugs themselves: each fits the code as it is, and the runner tells their fates apart."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import ROOT, Mutant, RottenMutantError
from tests.mutants.trial import Fate, try_mutant

_ROW = re.compile(r"^\| (.+) \| `(\S+\.py)::(\w+)` \|$", re.MULTILINE)
TEST = "from wal.sum import total\n\n\ndef test_total() -> None:\n    assert total(2, 2) == 4\n"


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_a_mutant_fits_the_code_as_it_is(mutant: Mutant) -> None:
    """What it replaces is there exactly once, what comes of it is Python and another program."""
    before = ast.dump(ast.parse((ROOT / mutant.path).read_text(encoding="utf-8")))
    assert ast.dump(ast.parse(mutant.apply())) != before
    assert mutant.tests
    for test in mutant.tests:
        assert (ROOT / test.partition("::")[0]).is_file()


def test_no_two_mutants_have_one_name() -> None:
    """Reports name them."""
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 14


def test_a_mutant_of_the_catalogue_is_caught_in_a_copy_of_the_project() -> None:
    """One that is quick; the drill tries all of them."""
    name = "another request is answered with what is kept under its key"
    trial = try_mutant(next(mutant for mutant in MUTANTS if mutant.name == name))
    assert (trial.fate, trial.told.endswith("::test_a_key_is_for_one_request")) == (Fate.CAUGHT, True), trial.told


def test_every_mutant_is_described_with_a_test_that_is_there() -> None:
    """In the tables of docs/durability.md and docs/access.md, in the order of the catalogue."""
    documents = (ROOT / "docs/durability.md", ROOT / "docs/access.md")
    rows = [row for document in documents for row in _ROW.findall(document.read_text(encoding="utf-8"))]
    assert [name for name, _, _ in rows] == [mutant.name for mutant in MUTANTS]
    for name, path, test in rows:
        assert f"def {test}(" in (ROOT / "tests" / path).read_text(encoding="utf-8"), name


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a project of one function and one test."""
    for name, text in (
        ("wal/__init__.py", ""),
        ("wal/sum.py", "def total(a, b):\n    return a + b\n"),
        ("tests/test_sum.py", TEST),
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("new", "fate"),
    [("a - b", Fate.CAUGHT), ("a * b", Fate.SURVIVED), ("b + a", Fate.SURVIVED), ("a +", Fate.BROKEN)],
)
def test_the_fates_of_mutants_are_told_apart(tree: Path, new: str, fate: Fate) -> None:
    """A program that does not even start is no mutant that was caught."""
    trial = try_mutant(Mutant("m", "wal/sum.py", "a + b", new, ("tests/test_sum.py",)), tree)
    assert trial.fate is fate, trial.told
    assert (trial.told == "tests/test_sum.py::test_total") == (fate is Fate.CAUGHT)
    assert "a + b" in (tree / "wal/sum.py").read_text(encoding="utf-8"), "the tree itself was changed"


@pytest.mark.parametrize("old", ["a - b", "a"])
def test_a_mutant_that_does_not_fit_any_more_is_told(tree: Path, old: str) -> None:
    """With its name, the file and how often the text was found."""
    with pytest.raises(RottenMutantError, match=r"'m' expects its old text once in wal/sum.py, found it [02-9]"):
        try_mutant(Mutant("m", "wal/sum.py", old, "x", ("tests/test_sum.py",)), tree)
