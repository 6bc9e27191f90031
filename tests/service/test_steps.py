"""Operations as they are sent, and what is told of those that have no form."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from service.errors import DomainError
from service.ids import IdSource
from service.restoring import ExportLines
from service.settings import load
from service.steps import Sender, step_of_line, steps_of_transaction
from tests.service.conftest import Compared

LONG = "documents" * 100_000
SENDER = Sender(None, "t", IdSource(lambda: 1), load().limits, utf16=False)


def fault_of_line(operation: dict[str, object]) -> DomainError | None:
    """Return what is wrong with a line."""
    return step_of_line(msgspec.json.encode(operation), SENDER).fault


def fault_of_transaction(operation: dict[str, object]) -> DomainError | None:
    """Return what is wrong with the operation of a transaction."""
    decoding = steps_of_transaction(msgspec.json.encode({"operations": [operation]}), SENDER)
    try:
        while True:
            next(decoding)
    except StopIteration as end:
        (step,) = end.value
        fault: DomainError | None = step.fault
        return fault


def fault_of_export(operation: dict[str, object]) -> DomainError | None:
    """Return what is wrong with the line of an export."""
    return ExportLines(SENDER).step_of(msgspec.json.encode({"id": "doc_1", **operation})).fault


@pytest.mark.parametrize("fault_of", [fault_of_line, fault_of_transaction, fault_of_export])
def test_a_long_kind_is_neither_compared_nor_repeated_whole(
    compared: Compared, fault_of: Callable[[dict[str, object]], DomainError | None]
) -> None:
    """A line may be as long as a body."""
    fault = fault_of({"op": "create", "kind": LONG, "value": {}})
    assert fault is not None
    (error,) = fault.errors
    assert error.pointer == "/kind"
    assert compared.longest <= 40
    assert "the nearest is 'document'" in error.detail
    assert len(error.detail) < 300


def test_a_long_name_in_place_of_an_id_is_not_repeated_whole() -> None:
    """As little as a kind."""
    fault = fault_of_line({"op": "replace", "kind": "document", "id": f"@{LONG}", "ref": "a", "value": {}})
    assert fault is not None
    (error,) = fault.errors
    assert error.pointer == "/ref"
    assert len(error.detail) < 300
