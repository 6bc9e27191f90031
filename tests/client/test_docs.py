"""The example in the client's documentation runs as it stands."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Process

DOCS = Path(__file__).parent.parent.parent / "docs" / "client.md"


async def test_the_example_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Against a real server; it prints what it has found."""
    (example,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    process = Process(tmp_path / "data")
    await process.start()
    try:
        source = example.replace("http://127.0.0.1:8080", process.url)
        code = compile(source, str(DOCS), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        names: dict[str, Any] = {}
        running = eval(code, names)  # noqa: S307 - the project's own documentation
        assert inspect.isawaitable(running)
        await running
    finally:
        process.close()
    assert capsys.readouterr().out == "Marie\n"
