"""The examples in the client's documentation run as they stand."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Process

DOCS = Path(__file__).parent.parent.parent / "docs" / "client.md"


async def test_the_examples_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One after the other against a real server, with the names of those before; they print what they have found."""
    examples = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    process = Process(tmp_path / "data")
    await process.start()
    names: dict[str, Any] = {}
    try:
        for example in examples:
            source = example.replace("http://127.0.0.1:8080", process.url)
            code = compile(source, str(DOCS), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            running = eval(code, names)  # noqa: S307 - the project's own documentation
            assert inspect.isawaitable(running) == ("await" in source or "async" in source)
            if inspect.isawaitable(running):
                await running
    finally:
        process.close()
    edited = "name {'label': 'name', 'attributes': {'checked': True}}"
    assert capsys.readouterr().out.splitlines() == ["Marie", edited, "5 2", "Marie Curie 5", "person"]
