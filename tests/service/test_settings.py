"""The settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from service.passwords import PasswordSettings
from service.settings import SettingsError, load
from wal.settings import LogSettings


def test_the_defaults_are_those_of_the_parts() -> None:
    """The file and the structs say the same."""
    settings = load()
    assert settings.log == LogSettings()
    assert settings.passwords == PasswordSettings()
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8080)


def test_flags_go_before_the_environment_before_the_file_before_the_defaults(tmp_path: Path) -> None:
    """Each source sets one more."""
    path = tmp_path / "own.toml"
    path.write_text('[server]\nport = 1\nhost = "a"\nregistration = "open"\n')
    environment = {"ANNOLOG_SERVER__PORT": "2", "ANNOLOG_SERVER__HOST": "b", "PATH": "/bin"}
    server = load(path, environment, {"server": {"port": 3}}).server
    assert (server.port, server.host, server.registration) == (3, "b", "open")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[server]\nprot = 1\n", r"'prot' in .*own.toml is no setting of \[server\]. The nearest is 'port'"),
        ("[serve]\nport = 1\n", "'serve' in .*own.toml is no section. The nearest is 'server'"),
        ('[server]\nport = "1"\n', "Expected `int`, got `str`"),
        ("[server]\nport = 65536\n", "65535"),
        ("server = 1\n", "expected a section"),
        ("[log]\nsegment_bytes = 4096\n", "too small for a record"),
        ('[server]\nregistration = "maybe"\n', "Invalid enum value"),
        ("[server\n", "cannot be read as TOML"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """With its source, and the nearest known name."""
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=message):
        load(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """Not taken for an empty one."""
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path / "nothing.toml")


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"ANNOLOG_SERVER__PORT": "http"}, "expected a number like 8080"),
        ({"ANNOLOG_SERVER__PROT": "1"}, "The nearest is 'port'"),
        ({"ANNOLOG_PORT": "1"}, "write ANNOLOG_SECTION__KEY"),
    ],
)
def test_a_variable_that_cannot_be_used_is_refused(environment: dict[str, Any], message: str) -> None:
    """Like a line of the file."""
    with pytest.raises(SettingsError, match=message):
        load(environment=environment)


def test_what_logs_in_by_the_environment_is_no_setting() -> None:
    """Address and password of `annolog load` may stay in the environment of other commands."""
    assert load(environment={"ANNOLOG_EMAIL": "ada@example.org", "ANNOLOG_PASSWORD": "of no value"}) == load()
