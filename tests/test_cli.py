"""The command line, besides `serve`."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

from service.settings import load


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `annolog`."""
    command = [sys.executable, "-m", "service.cli", *arguments]
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=60
    )


def test_config_prints_what_is_in_force_and_where_it_came_from(tmp_path: Path) -> None:
    """As TOML that could be given back."""
    own = tmp_path / "own.toml"
    own.write_text("[server]\nport = 1\n[limits]\npage_size_max = 7\n")
    done = run("config", "--config", str(own), ANNOLOG_SERVER__PORT="2")
    assert done.returncode == 0, done.stderr
    printed = tomllib.loads(done.stdout)
    assert printed["server"]["port"] == 2
    assert printed["limits"]["page_size_max"] == 7
    assert "port = 2  # the environment" in done.stdout
    assert f"page_size_max = 7  # {own}" in done.stdout
    assert 'host = "127.0.0.1"  # default' in done.stdout
    again = tmp_path / "again.toml"
    again.write_text(done.stdout)
    assert load(again) == load(own, {"ANNOLOG_SERVER__PORT": "2"})


def test_config_refuses_what_serve_refuses(tmp_path: Path) -> None:
    """With the same exit code."""
    own = tmp_path / "own.toml"
    own.write_text("[server]\nprot = 1\n")
    done = run("config", "--config", str(own))
    assert done.returncode == 2
    assert "The nearest is 'port'" in done.stderr
