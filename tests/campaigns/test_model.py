"""The engine as a whole does what a plain model does, whatever comes between."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.campaigns.intents import Intent
from tests.campaigns.machine import Machine
from tests.campaigns.model import settings_of
from tests.campaigns.survivors import MODELS

TestEngine = Machine.TestCase
TestEngine.settings = settings_of(examples=12, steps=25)
LOST = next(model for model in MODELS if model.name == "all that was not synced")


def wish(verb: str, *, has_text: bool = False, key: str = "none") -> Intent:
    """Return what the first user wants of the first document."""
    return Intent(verb, user=0, pick=0, other=0, label="person", condition="none", key=key, cascade=has_text)


@pytest.fixture
def machine() -> Iterator[Machine]:
    """Return one that has begun."""
    machine = Machine()
    machine.begin()
    yield machine
    machine.teardown()


def test_a_mark_may_be_sent_again_to_a_document_whose_text_was_lost(machine: Machine) -> None:
    """It was not durable: the span that was right then is refused now. Found by the campaign, in the model."""
    machine.ask([wish("create")])
    machine.crash([wish("replace", has_text=True), wish("annotate", key="new")], ahead=0, model=LOST)
    refusals = Machine.figures["refusals"]
    machine.retry(0)
    assert Machine.figures["refusals"] == refusals + 1
    document = machine.expected.ids("document")[0]
    assert machine.expected.entities[document].members["text"] is None


def test_a_deletion_of_many_may_be_too_large_for_a_record(machine: Machine) -> None:
    """The model counts entities and not bytes; of a few it must be carried out. Found by the campaign, in the model."""
    machine.ask([wish("create", has_text=True)])
    machine.ask([wish("annotate")] * 3)
    machine.ask([wish("delete")])
    assert machine.expected.entities == {}
    machine.ask([wish("create", has_text=True)])
    machine.ask([wish("annotate")] * 30)
    machine.ask([wish("delete")])
    assert len(machine.expected.entities) == 31
