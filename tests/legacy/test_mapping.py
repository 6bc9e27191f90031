"""Users and documents: what their members become."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from service.clock import format_time
from service.passwords import UNUSABLE
from tests.legacy.examples import HASH, NOW, item


@pytest.mark.parametrize(
    ("members", "role"),
    [
        ({"is_admin": True}, "admin"),
        ({"is_superuser": 1}, "admin"),
        ({"role": "Admin"}, "admin"),
        ({"role": "annotator"}, "member"),
        ({"is_admin": False, "role": "user"}, "member"),
        ({}, "member"),
    ],
)
def test_an_administrator_is_one_by_a_flag_or_a_role(members: dict[str, object], role: str) -> None:
    """Anybody else is a member."""
    assert item("user", members).members["role"] == role


@pytest.mark.parametrize(
    ("members", "disabled"),
    [({"is_active": False}, True), ({"disabled": True}, True), ({"is_active": True}, False), ({}, False)],
)
def test_a_user_is_disabled_by_either_flag(members: dict[str, object], disabled: bool) -> None:
    """One says who is, the other who is not."""
    assert item("user", members).members["disabled"] is disabled


@pytest.mark.parametrize(
    ("credential", "stored"),
    [
        (HASH, HASH),
        (HASH.replace("$2b$", "$2y$"), HASH.replace("$2b$", "$2y$")),
        ("plain text", UNUSABLE),
        (HASH.replace("$04$", "$31$"), UNUSABLE),
        ("pbkdf2:sha256:1000$salt$00", UNUSABLE),
        (None, UNUSABLE),
        (5, UNUSABLE),
    ],
)
def test_only_a_hash_that_can_be_verified_is_kept(credential: object, stored: str) -> None:
    """At a cost that a login may have; a password that was stored as it is goes nowhere."""
    user = item("user", {"email": "a@b", "password_hash": credential})
    assert user.password_hash == stored
    assert "plain text" not in str(user.leftover) + str(user.members)


def test_a_flag_that_is_none_is_refused() -> None:
    """Nobody becomes an administrator by a word."""
    with pytest.raises(ValueError, match="'yes' found, expected true or false"):
        item("user", {"is_admin": "yes"})


def test_a_document_keeps_its_id_and_what_has_no_home() -> None:
    """The one as external_id, the other in metadata, beside its own."""
    document = item(
        "document",
        {
            "owner": "u1",
            "name": "n",
            "body": "text",
            "metadata": {"a": 1},
            "size": 4,
            "created_at": "2024-01-01T00:00:00Z",
            "modified_at": "2024-01-02",
        },
    )
    assert document.references == {"owner_id": ("user", "u1")}
    assert document.created is not None
    assert document.draft(document.created) == {
        "title": "n",
        "text": "text",
        "external_id": "k",
        "metadata": {"a": 1, "legacy": {"size": 4, "updated_at": "2024-01-02"}},
    }
    later = document.draft(document.created + 1)["metadata"]["legacy"]
    assert later["created_at"] == format_time(document.created)


def test_metadata_of_any_form_is_kept() -> None:
    """Also when it has the name that is used here, or is no object."""
    assert item("document", {"metadata": {"legacy": 1}, "x": 2}).draft(0)["metadata"] == {
        "legacy": 1,
        "legacy_": {"x": 2},
    }
    assert item("document", {"metadata": [1]}).draft(0)["metadata"] == {"legacy": {"metadata": [1]}}
    assert item("document", {}).draft(0)["metadata"] == {}


def test_an_updated_at_that_says_the_same_is_not_kept() -> None:
    """In whatever form it says so."""
    document = item("document", {"created_at": "2024-01-01T00:00:00Z", "updated_at": 1_704_067_200})
    assert not document.leftover


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("1969-12-31", "expected 1970 or later"),
        (NOW // 1_000_000 + 1, "expected the past"),
        ("never", "expected a time"),
    ],
)
def test_a_time_of_creation_lies_between_1970_and_now(value: object, message: str) -> None:
    """Later ones would be the time of everything that follows."""
    with pytest.raises(ValueError, match=message):
        item("user", {"created_at": value})


def test_a_time_without_a_zone_is_of_the_zone_that_was_told() -> None:
    """One with a zone is of its own."""
    berlin = ZoneInfo("Europe/Berlin")
    assert item("user", {"created_at": "2024-01-01T01:00"}, zone=berlin).created == 1_704_067_200_000_000


@pytest.mark.parametrize("owner", [{"id": "u1"}, 1.5, True, ["u1"]])
def test_a_reference_is_an_id(owner: object) -> None:
    """Nothing else."""
    with pytest.raises(ValueError, match="found as its owner, expected an id"):
        item("document", {"owner": owner})
