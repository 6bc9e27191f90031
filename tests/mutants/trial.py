"""Tries a mutant: a copy of the tree with the bug in it, and the tests that must see it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from tests.mutants.mutant import ROOT, Mutant

TRIAL_SECONDS = 900
_COPIED = ("bench", "config", "data", "docs", "service", "tests", "wal")
_FILES = ("pyproject.toml", "README.md", "Makefile", "constraints.txt", "CHANGELOG.md")
_FAILED = re.compile(r"^(?:FAILED|ERROR) (tests/.+?)(?: - .*)?$", re.MULTILINE)
_TESTS_FAILED = 1


class Fate(Enum):
    """What became of a mutant."""

    CAUGHT = "caught"
    SURVIVED = "SURVIVED"
    BROKEN = "BROKEN: the tests do not run with it"


class Trial(NamedTuple):
    """The fate of a mutant, and the test that caught it or what pytest said."""

    mutant: Mutant
    fate: Fate
    told: str


def try_mutant(mutant: Mutant, root: Path = ROOT) -> Trial:
    """Seed a mutant in a copy of the tree and run its tests there.

    Raises:
        RottenMutantError: It does not fit the code any more.
    """
    with tempfile.TemporaryDirectory(prefix="mutant-") as place:
        tree = copy_tree(Path(place), root)
        (tree / mutant.path).write_text(mutant.apply(root), encoding="utf-8")
        return Trial(mutant, *run_tests(tree, mutant.tests))


def copy_tree(place: Path, root: Path = ROOT) -> Path:
    """Copy the project into a directory and return where it is."""
    tree = place / "tree"
    tree.mkdir()
    for name in _COPIED:
        if (root / name).is_dir():
            shutil.copytree(root / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in _FILES:
        if (root / name).is_file():
            shutil.copy(root / name, tree / name)
    return tree


def run_tests(tree: Path, tests: Sequence[str]) -> tuple[Fate, str]:
    """Run tests of a tree until one fails; returns what that means, and the test or what was said."""
    # The tree goes before the project that is installed, in all processes that the tests start.
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    options = ("-x", "-q", "-rfE", "--tb=short", "--timeout=120", "-p", "no:cacheprovider", f"--rootdir={tree}")
    command = [sys.executable, "-m", "pytest", *options, f"--basetemp={tree.parent / 'tmp'}", *tests]
    try:
        ended = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, timeout=TRIAL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return Fate.BROKEN, f"the tests took more than {TRIAL_SECONDS} s"
    failed = _FAILED.search(ended.stdout)
    if ended.returncode == _TESTS_FAILED and failed is not None:
        return Fate.CAUGHT, failed[1]
    said = (ended.stdout + ended.stderr).strip()
    return (Fate.SURVIVED if ended.returncode == 0 else Fate.BROKEN), said
