"""The engine as a whole does what a plain model does, whatever comes between."""

from __future__ import annotations

from tests.campaigns.machine import Machine
from tests.campaigns.model import settings_of

TestEngine = Machine.TestCase
TestEngine.settings = settings_of(examples=12, steps=25)
