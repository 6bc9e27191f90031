"""Fifty clients edit the same annotations on a real server that is killed; the full size is a campaign."""

from __future__ import annotations

import random
from pathlib import Path

from tests.campaigns.campaign import Task
from tests.campaigns.editors import edit_all

EDITS = 400


async def test_no_edit_is_lost_and_none_is_carried_out_twice_across_kills(tmp_path: Path) -> None:
    """Every version is one edit; conditional, unconditional and repeated ones were all among them."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")  # noqa: T201 - so that a failure can be repeated
    result, history = await edit_all(tmp_path, Task(EDITS, seed, lambda _: None), kills=1)
    assert result.findings == []
    assert result.states >= EDITS
    assert result.figures["versions"] > 100
    assert result.figures["edits refused with 412"] > 0
    ways = {(edit.base is not None, edit.key is not None) for edit in history.edits if edit.done}
    assert len(ways) == 4
    assert any(told.replayed for edit in history.edits for told in edit.answers)
