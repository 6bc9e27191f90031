"""`annolog log`: look at a data directory, also while a server runs on it. Only `repair` changes anything."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NoReturn

import click
import msgspec
from tqdm import tqdm

from service.blob_check import BlobReport, check_blobs
from service.clock import format_time
from service.kinds import KINDS
from service.repair_cli import repair_command
from wal.change import Change, Record
from wal.errors import DamagedError, UnsupportedFormatError, WalError
from wal.history import history
from wal.inspection import Inspection, SegmentReport, inspect, records
from wal.past import Past
from wal.record import Seal

EXIT_REFUSED = 1
EXIT_DAMAGED = 4
_KINDS = {kind.name: kind for kind in KINDS}
_directory = click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))


@click.group("log")
def log_group() -> None:
    """Look at the log of a data directory, or repair it."""


log_group.add_command(repair_command)


@log_group.command("verify")
@_directory
def verify_command(directory: Path) -> None:
    """Read everything and verify it; exit code 4 names the first damage, with file, offset and sequence."""
    found = _inspect(directory)
    blobs = _check_blobs(directory)
    transactions, tail = sum(segment.transactions for segment in found.segments), found.segments[-1]
    click.echo(
        f"Sound: {transactions} transactions up to sequence {tail.last} in {len(found.segments)} segments, "
        f"{len(found.snapshots)} snapshots. The last segment is {tail.end}."
    )
    if blobs.blobs or blobs.unknown:
        click.echo(f"{blobs.blobs} blobs with {blobs.bytes} bytes, and {blobs.unknown} that nothing names any more.")
    missing = sum(segment.index is False for segment in found.segments)
    if missing:
        click.echo(f"{missing} archived segments have no index: a history reads them whole.")


@log_group.command("inspect")
@_directory
@click.option("--records", "span", metavar="FIRST[:LAST]", help="Show these records instead, by sequence.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, records one a line.")
def inspect_command(directory: Path, span: str | None, as_json: bool) -> None:
    """Show segments, snapshots and archive, or records."""
    if span is None:
        found = _inspect(directory)
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=1) if as_json else _tables(found))
        return
    first, last = _span(span)
    try:
        for sequence, content in records(directory, first, last):
            click.echo(msgspec.json.encode(_told(sequence, content)).decode() if as_json else _line(sequence, content))
    except (WalError, OSError) as error:
        _fail(error)


@log_group.command("history")
@_directory
@click.argument("kind", type=click.Choice(list(_KINDS)))
@click.argument("id_", metavar="ID")
@click.option("--values", is_flag=True, help="With the values, of kinds that are served.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, changes one a line.")
def history_command(directory: Path, kind: str, id_: str, values: bool, as_json: bool) -> None:
    """Show every change of an entity that the archive and the log still hold, the oldest first."""
    if values and _KINDS[kind].collection is None:
        served = ", ".join(name for name, one in _KINDS.items() if one.collection is not None)
        raise click.BadParameter(f"a {kind} is never served, nor shown; values of {served} are", param_hint="--values")
    shown = _told_past if as_json else _past_line
    found = 0
    try:
        for past in history(directory, kind, id_, on_scan=_note_scan):
            click.echo(shown(past, values))
            found += 1
    except (WalError, OSError) as error:
        _fail(error)
    if not found:
        click.echo(f"annolog: no change of {kind} {id_} is retained.", err=True)
        sys.exit(EXIT_REFUSED)


def _note_scan(path: Path) -> None:
    click.echo(f"annolog: {path} has no index and is read whole.", err=True)


def _inspect(directory: Path) -> Inspection:
    with tqdm(unit="segment", file=sys.stderr, disable=None) as bar:

        def advance(_: SegmentReport) -> None:
            bar.update()

        try:
            return inspect(directory, on_segment=advance)
        except (WalError, OSError) as error:
            _fail(error)


def _check_blobs(directory: Path) -> BlobReport:
    with tqdm(unit="blob", file=sys.stderr, disable=None) as bar:

        def advance(_: str) -> None:
            bar.update()

        try:
            return check_blobs(directory, advance)
        except (WalError, OSError) as error:
            _fail(error)


def _span(text: str) -> tuple[int, int]:
    first, _, last = text.partition(":")
    if not first.isdecimal() or not (last or "1").isdecimal():
        raise click.BadParameter(
            f"{text!r} found, expected a sequence, or two with a colon between", param_hint="records"
        )
    return int(first), int(last) if last else (int(first) if ":" not in text else sys.maxsize)


def _tables(found: Inspection) -> str:
    lines = [f"log {found.log_id}", "", "segment  sequences  transactions  epoch  bytes used  of  end  index"]
    for one in found.segments:
        span = f"{one.first} to {one.last}"
        index = "-" if one.index is None else "yes" if one.index else "none"
        sizes = f"{one.used_bytes}  {one.bytes}"
        lines.append(f"{one.path}  {span}  {one.transactions}  {one.epoch}  {sizes}  {one.end}  {index}")
    lines += ["", "snapshot  sequence  epoch  bytes  entities"]
    for snapshot in found.snapshots:
        entities = ", ".join(f"{count} {kind}" for kind, count in snapshot.entities.items())
        lines.append(f"{snapshot.path}  {snapshot.sequence}  {snapshot.epoch}  {snapshot.bytes}  {entities}")
    return "\n".join(lines)


def _line(sequence: int, content: Record | Seal) -> str:
    if isinstance(content, Seal):
        return f"{sequence}  {format_time(content.time)}  {'shutdown' if content.successor is None else 'rotation'}"
    changes = "; ".join(f"{change.event} {change.id}" for change in content.changes)
    return f"{sequence}  {format_time(content.time)}  {content.actor or '-'}  {content.operation}  {changes}"


def _told(sequence: int, content: Record | Seal) -> dict[str, Any]:
    if isinstance(content, Seal):
        kind = "shutdown" if content.successor is None else "rotation"
        state = content.state_digest.hex()
        return {"sequence": sequence, "time": format_time(content.time), "seal": kind, "state_digest": state}
    head = {"sequence": sequence, "time": format_time(content.time), "actor": content.actor}
    return head | {"operation": content.operation, "changes": [_told_change(change) for change in content.changes]}


def _past_line(past: Past, values: bool) -> str:
    change = past.change
    size = "deleted" if change.value is None else f"{len(change.value)} bytes"
    line = f"{past.sequence}  {format_time(past.time)}  {past.actor or '-'}  {past.operation}  {change.event}  {size}"
    value = change.before if change.value is None else change.value
    return f"{line}  {value.decode()}" if values and value is not None else line


def _told_past(past: Past, values: bool) -> str:
    head = {"sequence": past.sequence, "time": format_time(past.time), "actor": past.actor, "operation": past.operation}
    told = head | _told_change(past.change)
    if values:
        told |= {"value": _raw(past.change.value), "before": _raw(past.change.before)}
    return msgspec.json.encode(told).decode()


def _raw(value: bytes | None) -> msgspec.Raw | None:
    return None if value is None else msgspec.Raw(value)


def _told_change(change: Change) -> dict[str, Any]:
    # Without the values: they hold texts and hashes, which belong to no terminal.
    size = None if change.value is None else len(change.value)
    return {"event": change.event, "kind": change.kind, "id": change.id, "previous": change.previous, "bytes": size}


def _fail(error: Exception) -> NoReturn:
    click.echo(f"annolog: {error}", err=True)
    sys.exit(EXIT_DAMAGED if isinstance(error, DamagedError | UnsupportedFormatError) else EXIT_REFUSED)
