"""The order of creation, and where the file contradicts itself."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Any

import msgspec

from service.legacy.mapping import Mapping
from service.legacy.plan import Plan, make_plan
from service.legacy.snapshot import read_snapshot
from tests.legacy.examples import NOW, example, write


def plan_of(directory: Path, content: dict[str, Any]) -> Plan:
    """Return the plan for a snapshot."""
    return make_plan(read_snapshot(write(directory, content)), Mapping(zone=UTC, now=NOW))


def test_entities_are_created_by_time_and_after_what_they_refer_to(tmp_path: Path) -> None:
    """A mark that is said to be older than its document is not created before it."""
    content = example()
    content["annotations"]["a1"]["created_at"] = "2020-01-01"
    content["users"]["u3"] = {"email": "c@d", "created_at": "2024-05-01"}
    steps = plan_of(tmp_path, content).steps
    assert [step.item.entry.key for step in steps] == ["u1", "u2", "d1", "e1", "a1", "u3"]
    times = [step.time for step in steps]
    assert times == sorted(times)
    assert times[3] == times[4]
    assert steps[4].item.draft(times[4])["origin"]["extra"]["created_at"] == "2020-01-01T00:00:00.000000Z"


def test_who_has_no_time_gets_that_of_what_it_refers_to(tmp_path: Path) -> None:
    """Or the earliest of the file."""
    content = example()
    for kind in ("users", "extractions"):
        for members in content[kind].values():
            del members["created_at"]
    times = {step.item.entry.key: step.time for step in plan_of(tmp_path, content).steps}
    assert times["u1"] == times["u2"] == times["d1"] == times["e1"] < times["a1"]


def test_a_look_up_tells_what_the_entity_does_not(tmp_path: Path) -> None:
    """E-mail and owner."""
    content = example()
    del content["users"]["u1"]["email"], content["documents"]["d1"]["user_id"]
    steps = {step.item.entry.key: step.item for step in plan_of(tmp_path, content).steps}
    assert steps["u1"].members["email"] == "ada@example.org"
    assert steps["d1"].references["owner_id"] == ("user", "u1")


class _Walked(dict[str, Any]):
    """A look-up that counts how often it is gone through."""

    walks = 0

    def items(self) -> Any:
        """Count."""
        self.walks += 1
        return super().items()


def test_look_ups_are_gone_through_a_few_times_however_many_entities_need_them(tmp_path: Path) -> None:
    """The time of an import follows the size of the file, not its square."""
    content = example()
    content["users"] |= {f"v{number}": {"name": "V"} for number in range(100)}
    content["documents"] |= {f"x{number}": {"text": "x"} for number in range(100)}
    content["user_by_email"] |= {f"v{number}@example.org": f"v{number}" for number in range(100)}
    content["documents_by_user"] = {"u1": ["d1"], "u2": [f"x{number}" for number in range(100)]}
    snapshot = read_snapshot(write(tmp_path, content))
    walked = [_Walked(snapshot.user_by_email), _Walked(snapshot.documents_by_user)]
    snapshot = msgspec.structs.replace(snapshot, user_by_email=walked[0], documents_by_user=walked[1])
    steps = {step.item.entry.key: step.item for step in make_plan(snapshot, Mapping(zone=UTC, now=NOW)).steps}
    assert steps["v99"].members["email"] == "v99@example.org"
    assert steps["x99"].references["owner_id"] == ("user", "u2")
    assert max(look_up.walks for look_up in walked) < 10


def test_users_may_be_named_by_their_address(tmp_path: Path) -> None:
    """In any case."""
    content = example()
    content["documents"]["d1"]["user_id"] = "ADA@example.org"
    steps = {step.item.entry.key: step.item for step in plan_of(tmp_path, content).steps}
    assert steps["d1"].references["owner_id"] == ("user", "u1")


def test_look_ups_that_contradict_are_listed(tmp_path: Path) -> None:
    """The entities count."""
    content = example()
    content["user_by_email"] = {"ada@example.org": "u2", "eve@example.org": "u9"}
    content["documents_by_user"] = {"u2": ["d1"], "u1": ["d9"]}
    plan = plan_of(tmp_path, content)
    notes = "\n".join(plan.notes)
    assert "says 'ada@example.org' for user 'u2', the user says 'bob@example.org'" in notes
    assert "says 'eve@example.org' for user 'u9', the user says None" in notes
    assert "document 'd1' is of user 'u2', the document says 'u1'" in notes
    assert "document 'd9' is of user 'u1', the document says None" in notes
    assert "1 users are missing in the look-up by e-mail" in notes
    assert not plan.left_out
    assert not [note for note in plan_of(tmp_path, example()).notes if "look-up" in note]


def test_users_without_a_usable_hash_are_named(tmp_path: Path) -> None:
    """With the command that lets them in."""
    notes = plan_of(tmp_path, example()).notes
    assert [note for note in notes if "users/u2" in note and "annolog user reset-password 'bob@example.org'" in note]
    assert not [note for note in notes if "users/u1" in note]


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    """With its place."""
    content = example()
    content["annotations"]["a1"]["created_at"] = "never"
    plan = plan_of(tmp_path, content)
    assert [(one.kind, one.place) for one in plan.left_out] == [("annotation", "annotations/a1")]
    assert len(plan.steps) == 4
