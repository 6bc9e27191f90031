"""The settings: one frozen struct, from the defaults, a file, the environment and flags, validated once."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from service.passwords import PasswordSettings
from wal.archive import ArchiveSettings
from wal.settings import CompactionSettings, LogSettings

ENVIRONMENT_PREFIX = "ANNOLOG_"
EMAIL_VARIABLE = "ANNOLOG_EMAIL"
PASSWORD_VARIABLE = "ANNOLOG_PASSWORD"  # noqa: S105 - its name, not its value
"""For commands that log in or set a password; both are no settings."""
_SEPARATOR = "__"
_ORIGIN = r"(\*|https?://[A-Za-z0-9.\[\]:-]+)"
_RECORD_OVERHEAD = 2048
Positive = Annotated[float, Meta(gt=0)]
Tree = dict[str, dict[str, Any]]


class SettingsError(Exception):
    """A setting is unknown or unusable; the message names its source, what was found and what was expected."""


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where to listen, and who may register."""

    host: str
    port: Annotated[int, Meta(ge=0, le=65535)]
    registration: Literal["auto", "open", "closed"]
    cors_origins: Annotated[str, Meta(pattern=rf"^({_ORIGIN}( {_ORIGIN})*)?$")]


class CompressionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which answers are compressed."""

    codings: Literal["", "gzip", "zstd", "zstd gzip", "gzip zstd"]
    bytes_min: Annotated[int, Meta(ge=64)]


class DataSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the data is."""

    directory: str


class LimitSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What requests may take."""

    body_bytes: Annotated[int, Meta(ge=1024)]
    body_seconds: Positive
    content_bytes: Annotated[int, Meta(ge=1024)]
    content_seconds: Positive
    content_reserve_bytes: Annotated[int, Meta(ge=0)]
    depth_max: Annotated[int, Meta(ge=8, le=500)]
    items_max: Annotated[int, Meta(ge=100)]
    credentials_bytes: Annotated[int, Meta(ge=1024)]
    text_bytes: Annotated[int, Meta(ge=1024)]
    entity_bytes: Annotated[int, Meta(ge=1024)]
    cascade_max: Annotated[int, Meta(ge=1)]
    transaction_operations_max: Annotated[int, Meta(ge=1)]
    transaction_bytes: Annotated[int, Meta(ge=1024)]
    bulk_line_bytes: Annotated[int, Meta(ge=1024)]
    bulk_chunk_lines: Annotated[int, Meta(ge=1, le=10_000)]
    bulk_chunk_bytes: Annotated[int, Meta(ge=1024)]
    bulk_results_bytes: Annotated[int, Meta(ge=1024)]
    bulk_refs_max: Annotated[int, Meta(ge=1)]
    adjudication_max: Annotated[int, Meta(ge=1)]
    comparison_max: Annotated[int, Meta(ge=1)]
    relabel_max: Annotated[int, Meta(ge=1)]
    agreement_max: Annotated[int, Meta(ge=1)]
    agreement_annotators_max: Annotated[int, Meta(ge=2)]
    agreement_labels_max: Annotated[int, Meta(ge=1)]
    agreement_combinations_max: Annotated[int, Meta(ge=1)]
    exports_max: Annotated[int, Meta(ge=1)]
    exports_of_user_max: Annotated[int, Meta(ge=1)]
    export_kept_bytes: Annotated[int, Meta(ge=0)]
    export_keep_seconds: Positive
    export_stall_seconds: Positive
    header_line_bytes: Annotated[int, Meta(ge=1024)]
    headers_max: Annotated[int, Meta(ge=16)]
    keepalive_seconds: Positive
    page_size: Annotated[int, Meta(ge=1)]
    page_size_max: Annotated[int, Meta(ge=1)]
    page_bytes: Annotated[int, Meta(ge=1)]
    connections_max: Annotated[int, Meta(ge=1)]
    stop_seconds: Positive
    failed_logins_max: Annotated[int, Meta(ge=1)]
    failed_logins_account_max: Annotated[int, Meta(ge=1)]
    failed_logins_address_max: Annotated[int, Meta(ge=1)]
    failed_logins_crash_share: Annotated[float, Meta(ge=0, le=1)]
    registrations_address_max: Annotated[int, Meta(ge=1)]
    failed_login_seconds: Positive
    login_locks_max: Annotated[int, Meta(ge=1, le=50_000)]


class SessionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How long a login lasts, and how many a user has."""

    lifetime_hours: Positive
    of_user_max: Annotated[int, Meta(ge=1, le=10_000)]


class ApiKeySettings(msgspec.Struct, frozen=True, kw_only=True):
    """How long an API key may last, and how many a user has."""

    lifetime_days_max: Annotated[float, Meta(gt=0, le=36_500)]
    of_user_max: Annotated[int, Meta(ge=1, le=1000)]


class IdempotencySettings(msgspec.Struct, frozen=True, kw_only=True):
    """How long answers are kept for retries."""

    lifetime_hours: Positive
    entries_max: Annotated[int, Meta(ge=1)]


class MaintenanceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How what is past its time is removed."""

    interval_seconds: Positive
    changes_max: Annotated[int, Meta(ge=1, le=10_000)]
    blobs_seconds: Positive


class LoggingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the process tells what it does."""

    format: Literal["auto", "json", "console"]
    level: Literal["debug", "info", "warning", "error"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings. `config/default.toml` says what each of them means."""

    server: ServerSettings
    data: DataSettings
    log: LogSettings
    compaction: CompactionSettings
    archive: ArchiveSettings
    limits: LimitSettings
    passwords: PasswordSettings
    sessions: SessionSettings
    api_keys: ApiKeySettings
    idempotency: IdempotencySettings
    maintenance: MaintenanceSettings
    logging: LoggingSettings
    compression: CompressionSettings

    def __post_init__(self) -> None:
        """Refuse entities that could be stored but not changed or deleted."""
        # A change of a document may hold its text, itself, and itself again as the answer under a key.
        needed = self.limits.text_bytes + 2 * self.limits.entity_bytes + _RECORD_OVERHEAD
        if self.log.record_bytes_max < needed:
            raise ValueError(
                f"log.record_bytes_max is {self.log.record_bytes_max}, too small for a text and an entity of the "
                f"largest size, which take {needed}. Raise it, or lower limits.text_bytes or limits.entity_bytes."
            )


class Loaded(NamedTuple):
    """Settings, and where each of them came from.

    Attributes:
        settings: In force.
        tree: The same as section → key → value.
        sources: Section and key → the file, the environment, the command line, or the default.
    """

    settings: Settings
    tree: Tree
    sources: dict[tuple[str, str], str]


def load(
    config: Path | None = None, environment: Mapping[str, str] | None = None, flags: Tree | None = None
) -> Settings:
    """Return the settings in force.

    Args:
        config: A file of one's own.
        environment: Variables, of which those that begin with ``ANNOLOG_`` count.
        flags: Section → key → value, from the command line.

    Raises:
        SettingsError: A setting is unknown or unusable, or the file cannot be read.
    """
    return load_with_sources(config, environment, flags).settings


def load_with_sources(
    config: Path | None = None, environment: Mapping[str, str] | None = None, flags: Tree | None = None
) -> Loaded:
    """Return the settings in force and where they came from; arguments and errors as those of `load`."""
    tree: Tree = tomllib.loads(files("config").joinpath("default.toml").read_text(encoding="utf-8"))
    sources = {(section, key): "default" for section, values in tree.items() for key in values}
    given: list[tuple[str, Mapping[str, Any]]] = [] if config is None else [(str(config), _read(config))]
    given += [("the environment", _from_environment(environment or {}, tree)), ("the command line", flags or {})]
    for source, over in given:
        _merge(tree, over, source)
        sources |= {(section, key): source for section, values in over.items() for key in values}
    try:
        return Loaded(msgspec.convert(tree, Settings, strict=True), tree, sources)
    except msgspec.ValidationError as error:
        raise SettingsError(f"A setting cannot be used: {error}.") from error


def _read(path: Path) -> Tree:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} cannot be read as TOML: {error}.") from error


def _from_environment(environment: Mapping[str, str], known: Tree) -> Tree:
    tree: Tree = {}
    for name, text in environment.items():
        if not name.startswith(ENVIRONMENT_PREFIX) or name in {EMAIL_VARIABLE, PASSWORD_VARIABLE}:
            continue
        section, separator, key = name.removeprefix(ENVIRONMENT_PREFIX).lower().partition(_SEPARATOR)
        if not separator:
            raise SettingsError(f"{name} in the environment is no setting: write ANNOLOG_SECTION__KEY.")
        default = known.get(section, {}).get(key)
        tree.setdefault(section, {})[key] = text if isinstance(default, str) else _number(name, text, default)
    return tree


def _number(name: str, text: str, default: float | None) -> Any:
    if default is None:
        # An unknown key, which is refused where all of them are.
        return text
    try:
        return type(default)(text)
    except ValueError:
        raise SettingsError(f"{name} is {text!r}, expected a number like {default}.") from None


def _merge(tree: Tree, over: Mapping[str, Any], source: str) -> None:
    for section, values in over.items():
        _require_known(section, tree, source, "section")
        if not isinstance(values, dict):
            raise SettingsError(f"{section} in {source} is {values!r}, expected a section [{section}].")
        for key, value in values.items():
            _require_known(key, tree[section], source, f"setting of [{section}]")
            tree[section][key] = value


def _require_known(name: str, known: Mapping[str, Any], source: str, what: str) -> None:
    if name not in known:
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=0)
        raise SettingsError(f"{name!r} in {source} is no {what}. The nearest is {nearest[0]!r}.")
