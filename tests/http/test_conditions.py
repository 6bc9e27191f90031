"""Entity tags and preconditions."""

from __future__ import annotations

import pytest

from service.commands import Conditions, Update
from service.http.conditions import etag
from tests.harness import Member
from tests.http.fake_engine import FakeEngine

PATH = "/v1/documents/doc_1"


def test_a_tag_is_strong_and_names_version_and_variant() -> None:
    """The default form is the bare version."""
    assert (etag(3), etag(3, "utf16")) == ('"3"', '"3;utf16"')


@pytest.mark.parametrize(
    ("header", "versions"),
    [
        ('"3"', (3,)),
        ('"3", "4" ,"5;utf16"', (3, 4, 5)),
        ("*", ()),
        ('W/"3"', (0,)),
        ('"other"', (0,)),
        ('"999999999999999999999"', (0,)),
        ('"-1"', (0,)),
        ('"²"', (0,)),
        ('""', (0,)),
        ('"03"', (0,)),
        ('"3;other"', (0,)),
        ('"3;utf16"', (3,)),
        ('"3", , "4",', (3, 4)),
    ],
)
async def test_if_match_names_versions(
    caller: Member, engine: FakeEngine, header: str, versions: tuple[int, ...]
) -> None:
    """A tag that was never given out, or a weak one, is version 0, which no entity has."""
    await caller.call("PATCH", PATH, {}, headers={"If-Match": header})
    command = engine.commands[0]
    assert isinstance(command, Update)
    assert command.conditions == Conditions(if_match=versions)


@pytest.mark.parametrize("header", ["3", '"3', '"3" "4"', "", ",", '"3",,x', '"a"b'])
async def test_an_if_match_that_cannot_be_read_is_400(caller: Member, header: str) -> None:
    """A precondition is never passed over."""
    answer = await caller.call("DELETE", PATH, headers={"If-Match": header})
    assert answer.problem == "malformed"


async def test_if_none_match_star_creates_only(caller: Member, engine: FakeEngine) -> None:
    """On a mutation it takes nothing else."""
    await caller.call("PUT", PATH, {}, headers={"If-None-Match": "*"})
    assert engine.commands[0].conditions == Conditions(create_only=True)  # type: ignore[attr-defined]
    refused = await caller.call("PUT", PATH, {}, headers={"If-None-Match": '"3"'})
    assert refused.problem == "malformed"


@pytest.mark.parametrize("header", ['"3"', "*", '"1", "3"', 'W/"3"'])
async def test_a_known_version_is_304(caller: Member, header: str) -> None:
    """It comes without a body and with its tag."""
    answer = await caller.call("GET", PATH, headers={"If-None-Match": header})
    assert (answer.status, answer.data, answer.headers["ETag"]) == (304, b"", '"3"')


@pytest.mark.parametrize("header", ['"2"', '"3;utf16"'])
async def test_another_version_or_form_is_sent(caller: Member, header: str) -> None:
    """A tag of another variant is another representation."""
    assert (await caller.call("GET", PATH, headers={"If-None-Match": header})).status == 200


async def test_several_lines_of_a_header_are_one_list(caller: Member, engine: FakeEngine) -> None:
    """As RFC 9110, section 5.3, has it."""
    token = ("Authorization", "Bearer any")
    lines = [token, ("If-Match", '"9"'), ("If-Match", '"3"'), ("Content-Type", "application/json")]
    async with caller.client.patch(PATH, data=b"{}", headers=lines) as response:
        assert response.status != 412
    assert engine.commands[0].conditions == Conditions(if_match=(9, 3))  # type: ignore[attr-defined]
    lines = [token, ("If-None-Match", '"9"'), ("If-None-Match", '"3"')]
    async with caller.client.get(PATH, headers=lines) as response:
        assert response.status == 304


@pytest.mark.parametrize(
    ("header", "status"), [('"3"', 200), ("*", 200), ('"2", "3"', 200), ('"2"', 412), ('W/"3"', 412)]
)
async def test_a_get_can_ask_for_the_version_that_it_knows(caller: Member, header: str, status: int) -> None:
    """The comparison is strong."""
    assert (await caller.call("GET", PATH, headers={"If-Match": header})).status == status
