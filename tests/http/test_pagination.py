"""Pages of lists: parameters, cursors and links."""

from __future__ import annotations

import asyncio
import base64
import re
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from service.clock import parse_time
from service.commands import List, Page
from tests.harness import Answer, Member, serve
from tests.http.fake_engine import FakeEngine

PATH = "/v1/annotations"


async def query_for(caller: Member, engine: FakeEngine, path: str) -> List:
    """Return the query that a request becomes."""
    answer = await caller.call("GET", path)
    assert answer.status == 200, answer.data
    query = engine.queries[-1]
    assert isinstance(query, List)
    return query


async def next_cursor(caller: Member, engine: FakeEngine, path: str) -> str:
    """Return the cursor behind a page that ends at position 77."""
    engine.page_answer = Page([b"{}"], 77)
    cursor = (await caller.call("GET", path)).json["next"]
    assert isinstance(cursor, str)
    return cursor


async def test_a_list_without_parameters_is_the_first_fifty_in_order_of_creation(
    caller: Member, engine: FakeEngine
) -> None:
    """The defaults of the design."""
    query = await query_for(caller, engine, PATH)
    assert (query.limit, query.descending, query.after, query.filters) == (50, False, None, {})


async def test_parameters_become_the_query(caller: Member, engine: FakeEngine) -> None:
    """A repeated field accepts any of its values."""
    since = "2026-11-23T17:53:13.123456Z"
    path = f"{PATH}?label=a&label=b&type=span&limit=7&sort=-created_at&count=true&offset_unit=utf16"
    query = await query_for(caller, engine, f"{path}&created_at_ge={since}&created_at_lt=2026-11-24T00:00:00%2B01:00")
    assert query.filters == {"label": ("a", "b"), "type": ("span",)}
    assert (query.limit, query.descending, query.count, query.utf16) == (7, True, True, True)
    assert query.created_at_ge == parse_time(since)
    assert query.created_at_lt == parse_time("2026-11-23T23:00:00Z")


async def test_a_path_below_a_document_filters_by_it(caller: Member, engine: FakeEngine) -> None:
    """And the parameter of that name is not known there."""
    query = await query_for(caller, engine, "/v1/documents/doc_9/annotations?label=a")
    assert query.filters == {"label": ("a",), "document_id": ("doc_9",)}
    refused = await caller.call("GET", "/v1/documents/doc_9/annotations?document_id=doc_1")
    assert refused.problem == "malformed"


NO_CURSORS: list[Any] = [{}, [], None, 5, "a", [1, 2, 3]]
BAD = [
    "limit=0",
    "limit=1001",
    "limit=-1",
    "limit=1e3",
    "limit=٣",
    "limit=",
    "limit=99999999999999999999999",
    "limit=1&limit=2",
    "sort=label",
    "sort=-created_at&sort=created_at",
    "count=yes",
    "offset_unit=bytes",
    "created_at_ge=yesterday",
    "created_at_ge=2026-11-23T17:53:13",
    "created_at_lt=2026-11-23T17:53:13+01:00",
    "created_at_lt=99999-01-01T00:00:00Z",
    "confidence_ge=0.5",
    "colour=red",
    "LABEL=a",
    "%ED%A0%80=a",
]


@pytest.mark.parametrize("query", BAD)
async def test_a_parameter_that_is_unknown_or_cannot_be_used_is_400(
    caller: Member, engine: FakeEngine, query: str
) -> None:
    """Nothing is guessed, and the engine is not asked."""
    answer = await caller.call("GET", f"{PATH}?{query}")
    assert answer.problem == "malformed"
    assert engine.queries == []


async def test_an_unknown_parameter_is_told_the_known_ones(caller: Member) -> None:
    """So that a typing error is found at once."""
    detail = (await caller.call("GET", f"{PATH}?colour=red")).json["detail"]
    assert "'colour'" in detail
    for name in ("label", "document_id", "author_id", "limit", "cursor", "sort", "created_at_ge"):
        assert name in detail


async def test_a_page_is_a_join_of_entities_with_cursor_and_total(caller: Member, engine: FakeEngine) -> None:
    """`next` is null on the last page, and `total` is there when it was asked for."""
    engine.page_answer = Page([b'{"id":"a"}', b'{"id":"b"}'], None, 2)
    answer = await caller.call("GET", f"{PATH}?count=true")
    assert answer.data == b'{"items":[{"id":"a"},{"id":"b"}],"next":null,"total":2}'
    assert "Link" not in answer.headers


async def test_the_cursor_goes_on_where_the_page_ended(caller: Member, engine: FakeEngine) -> None:
    """With the same filters and order; the limit may change."""
    cursor = await next_cursor(caller, engine, f"{PATH}?label=a&label=b&limit=1")
    query = await query_for(caller, engine, f"{PATH}?label=b&label=a&limit=9&cursor={cursor}")
    assert query.after == 77


async def test_the_link_leads_to_the_next_page(caller: Member, engine: FakeEngine) -> None:
    """It repeats the parameters, whatever characters they hold."""
    engine.page_answer = Page([b"{}"], 77)
    first = await caller.call("GET", f"{PATH}?label={quote('a&b >ü', safe='')}&limit=1")
    link = _link_of(first)
    query = await query_for(caller, engine, link)
    assert (query.after, query.filters, query.limit) == (77, {"label": ("a&b >ü",)}, 1)
    assert _link_of(await caller.call("GET", link)) == link


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ('label=x>,<https://evil.example/>;rel="next"', "label=x%3E,%3Chttps://evil.example/%3E%3Brel%3D%22next%22"),
        ("label=a%5Cb", "label=a%5Cb"),
        ("label=a\\b", "label=a%5Cb"),
        ("label=a;b,c", "label=a%3Bb,c"),
        ("c%75rsor={}&label=a", "label=a"),
        ("cursor={}&label=a%20b", "label=a%20b"),
    ],
)
async def test_the_link_is_one_link_whatever_was_sent(caller: Member, engine: FakeEngine, sent: str, told: str) -> None:
    """What should have been quoted is; a cursor that was sent is not there again, however its name is written."""
    label = told.partition("=")[2]
    cursor = await next_cursor(caller, engine, f"{PATH}?label={label}")
    # By hand: a client library quotes what it sends.
    reader, writer = await asyncio.open_connection(caller.client.server.host, caller.client.server.port)
    head = f"Host: test\r\nAuthorization: Bearer {caller.token}\r\nConnection: close"
    writer.write(f"GET {PATH}?{sent.format(cursor)} HTTP/1.1\r\n{head}\r\n\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    (link,) = re.findall(r"\r\nLink: <([^<>]*)>; rel=\"next\"\r\n", answer)
    asked = dict(part.split("=", 1) for part in link.partition("?")[2].split("&"))
    assert asked == {"label": label, "cursor": asked["cursor"]}
    assert (await query_for(caller, engine, link)).after == 77


@pytest.mark.parametrize(
    "other",
    [
        f"{PATH}?label=b",
        f"{PATH}?label=a&type=span",
        f"{PATH}?label=a&sort=-created_at",
        f"{PATH}?label=a&created_at_ge=2026-01-01T00:00:00Z",
        "/v1/extractions?label=a",
        "/v1/documents/doc_1/annotations?label=a",
    ],
)
async def test_a_cursor_of_another_list_is_400(caller: Member, engine: FakeEngine, other: str) -> None:
    """It would silently skip what it should not."""
    cursor = await next_cursor(caller, engine, f"{PATH}?label=a")
    answer = await caller.call("GET", f"{other}&cursor={cursor}")
    assert answer.problem == "malformed"


async def test_a_cursor_that_was_tampered_with_is_400(caller: Member, engine: FakeEngine) -> None:
    """Never 500, whatever it holds."""
    cursor = await next_cursor(caller, engine, PATH)
    bad = ["", "x", "====", "ü", "%00", "A" * 5000, _packed([b"12345678", -1]), _packed([b"12345678", 2**64 - 1])]
    bad += [_packed(value) for value in NO_CURSORS]
    bad += [cursor[:place] + letter + cursor[place + 1 :] for place in range(8) for letter in "Az09-_"]
    for value in bad:
        if value != cursor:
            answer = await caller.call("GET", f"{PATH}?cursor={value}")
            assert answer.problem == "malformed", value


def _packed(value: Any) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(value)).decode()


def _link_of(answer: Answer) -> str:
    link = answer.headers["Link"]
    assert link.startswith("</v1/")
    assert link.endswith('>; rel="next"')
    return link[1 : -len('>; rel="next"')]


async def test_a_page_has_the_size_of_the_settings_unless_it_is_asked_for(engine: FakeEngine) -> None:
    """And never more than the largest."""
    async with serve(engine, {"limits": {"page_size": 7, "page_size_max": 9}}) as client:
        caller = Member(client, token="any")
        assert (await query_for(caller, engine, PATH)).limit == 7
        assert (await query_for(caller, engine, f"{PATH}?limit=9")).limit == 9
        assert (await caller.call("GET", f"{PATH}?limit=10")).problem == "malformed"


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("0001-01-01T00:00:00%2B10:00", 0),
        ("9999-12-31T23:59:59.999999-23:59", parse_time("9999-12-31T23:59:59.999999Z")),
    ],
)
async def test_times_beyond_those_that_can_be_told_are_the_nearest(
    caller: Member, engine: FakeEngine, said: str, meant: int
) -> None:
    """An offset from UTC can lead out of the years 1 to 9999."""
    query = await query_for(caller, engine, f"{PATH}?created_at_ge={said}&created_at_lt={said}")
    assert (query.created_at_ge, query.created_at_lt) == (meant, meant)


async def test_a_lower_bound_of_the_confidence(caller: Member, engine: FakeEngine) -> None:
    """Of extractions; it belongs to what a cursor is bound to."""
    path = "/v1/extractions?confidence_ge="
    query = await query_for(caller, engine, f"{path}0.75")
    assert query.at_least == {"confidence": 0.75}
    cursor = await next_cursor(caller, engine, f"{path}0.75")
    assert (await caller.call("GET", f"{path}0.75&cursor={cursor}")).status == 200
    assert (await caller.call("GET", f"{path}0.5&cursor={cursor}")).problem == "malformed"
    for value in ("", "high", "nan", "inf", "0,5"):
        assert (await caller.call("GET", f"{path}{value}")).problem == "malformed"
    assert (await caller.call("GET", "/v1/annotations?confidence_ge=0.5")).problem == "malformed"


async def test_an_index_of_the_rules_of_access_is_no_filter(caller: Member) -> None:
    """Nobody asks for the marks on somebody else's documents."""
    assert (await caller.call("GET", f"{PATH}?document.owner_id=user_1")).problem == "malformed"
