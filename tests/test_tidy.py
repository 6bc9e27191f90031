"""The code itself: who imports whom, how large things are, and that every setting is explained."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted(path for package in ("wal", "service", "bench") for path in (ROOT / package).rglob("*.py"))
LINES_MAX = 400
FUNCTION_LINES_MAX = 60
FORBIDDEN = {
    "wal": ("service", "bench", "tests"),
    "service/http": ("service.state", "service.engine", "wal.log", "wal.recovery"),
    "service/decide": ("aiohttp", "asyncio", "service.http", "service.engine"),
    "service/client": ("service.http", "service.engine", "service.state", "service.kinds", "wal"),
    "service/drill": ("service.http", "service.engine", "service.state", "service.decide", "wal.log", "wal.recovery"),
    "service/load": ("service.http", "service.engine", "service.state", "service.decide", "service.kinds", "wal"),
    "service": ("bench", "tests"),
}


def imported(path: Path) -> Iterator[str]:
    """Yield the modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_imports_go_one_way(folder: str) -> None:
    """The engine knows nothing of the service, handlers nothing of the state; client, drill and load know neither."""
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    for path in files:
        for module in imported(path):
            found = [name for name in FORBIDDEN[folder] if module == name or module.startswith(f"{name}.")]
            assert not found, f"{path.relative_to(ROOT)} imports {module}"


def test_files_and_functions_stay_small() -> None:
    """Whoever reads one sees the whole of it."""
    for path in SOURCES:
        text = path.read_text()
        assert text.count("\n") <= LINES_MAX, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert (node.end_lineno or 0) - node.lineno < FUNCTION_LINES_MAX, f"{path}: {node.name}"


def test_no_module_is_a_place_for_anything() -> None:
    """Names say what is in them."""
    assert not [path for path in SOURCES if path.stem in {"utils", "helpers", "manager", "misc", "common"}]


def test_every_setting_is_explained() -> None:
    """On its own line."""
    lines = (ROOT / "config" / "default.toml").read_text().splitlines()
    unexplained = [line for line in lines if re.match(r"\w+ = ", line) and not re.search(r" # \S", line)]
    assert not unexplained
