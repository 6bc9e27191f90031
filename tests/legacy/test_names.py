"""What members are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.legacy.names import NAMES, Members, meant, tables


def test_the_docs_show_the_table_that_the_code_uses() -> None:
    """Word for word."""
    assert tables() in (Path(__file__).parents[2] / "docs" / "legacy.md").read_text()


@pytest.mark.parametrize("name", ["created_at", "createdAt", "CREATED_AT", "dateCreated"])
def test_names_are_compared_in_snake_case(name: str) -> None:
    """However they are spelled."""
    members = Members("user", {name: 1})
    assert members.take("created_at") == 1
    assert not members.rest()


def test_the_first_name_that_is_not_null_counts() -> None:
    """Others that say the same are taken with it, others that differ are left."""
    members = Members("document", {"content": "a", "text": None, "body": "a", "raw_text": "b"})
    assert members.take("text") == "a"
    assert members.rest() == {"raw_text": "b"}
    same = Members("user", {"is_admin": True, "admin": 1})
    assert same.take("admin") is True
    assert same.rest() == {"admin": 1}


def test_what_was_looked_at_is_still_there() -> None:
    """Until it is taken."""
    members = Members("user", {"mail": "a@b"})
    assert members.look("email") == "a@b"
    assert members.rest() == {"mail": "a@b"}


def test_values_are_compared_in_lower_case() -> None:
    """What is not known means nothing."""
    assert meant("role", " Admin ") == "admin"
    assert meant("status", "APPROVED") == "accepted"
    assert meant("status", "sideways") is None
    assert meant("status", 1) is None


def test_no_name_has_two_meanings_of_one_kind_unless_the_order_decides() -> None:
    """A name that is there twice would be taken by whichever is asked for first."""
    for kind, meanings in NAMES.items():
        names = [name for several in meanings.values() for name in several]
        twice = {name for name in names if names.count(name) > 1}
        assert twice <= {"created_at", "updated_at", "extraction_id"}, (kind, twice)
