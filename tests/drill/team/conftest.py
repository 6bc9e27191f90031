"""What the tests of the judge of team work share."""

from __future__ import annotations

import pytest

from tests.drill.team.story import SECOND, THIRD, Story


@pytest.fixture
def story() -> Story:
    """Return a project in which everybody has done something."""
    one = Story()
    one.annotate("ann_1")
    one.annotate("ann_2", SECOND)
    one.annotate("ann_3", THIRD, label="blue")
    one.extract("ext_1")
    one.annotate("ann_4", extraction_id="ext_1", verdict="corrected")
    one.next("asg_1")
    one.next("asg_2", SECOND)
    return one
