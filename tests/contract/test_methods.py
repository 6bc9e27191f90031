"""HEAD, OPTIONS and `Allow`, of every path that there is."""

from __future__ import annotations

from collections import defaultdict

import pytest
from aiohttp import hdrs

from service.http.routes import ENDPOINTS
from tests.contract.test_examples import FOR_ADMINISTRATORS, Story
from tests.harness import Member

READS = [endpoint for endpoint in ENDPOINTS if endpoint.is_read]
OF_PATH: dict[str, set[str]] = defaultdict(set)
for one in ENDPOINTS:
    OF_PATH[one.path] |= {one.method, "OPTIONS"} | ({"HEAD"} if one.is_read else set())
CHANGING = (hdrs.DATE, "X-Request-ID", "Server-Timing", "Export-Id", hdrs.TRANSFER_ENCODING)


@pytest.fixture
async def story(admin: Member) -> Story:
    """Give the story, begun."""
    story = Story(admin)
    await story.begin()
    return story


def test_there_are_reads_and_paths_to_try() -> None:
    """None is forgotten because a list was empty."""
    assert len(READS) > 20
    assert len(OF_PATH) > 30


@pytest.mark.parametrize("endpoint", READS, ids=lambda endpoint: endpoint.operation)
async def test_head_answers_what_get_does_without_the_body(story: Story, endpoint: object) -> None:
    """Status and header fields are the same, the length of the body among them."""
    read = next(one for one in READS if one is endpoint)
    who = story.root if read.operation in FOR_ADMINISTRATORS else story.anna
    # A range is of GET alone.
    got = await story.ask(who, read, without=["Range"])
    head = await story.ask(who, read, method="HEAD", without=["Range"])
    told = [{name: value for name, value in answer.headers.items() if name not in CHANGING} for answer in (got, head)]
    assert (head.status, head.data) == (got.status, b"")
    assert told[0] == told[1]
    if read.operation != "export":
        # Its length is known to nobody.
        assert int(head.headers["Content-Length"]) == len(got.data)


@pytest.mark.parametrize("path", OF_PATH)
async def test_options_tells_the_methods_of_a_path_and_others_are_405(
    anybody: Member, admin: Member, path: str
) -> None:
    """OPTIONS needs no token; 405 tells the same in `Allow`."""
    target = path.replace("{name}", "taken").replace("{id}", "x").replace("{user_id}", "y")
    if path.startswith("/v1/sessions/{"):
        target = target.replace("x", "sess_x")
    options = await anybody.call("OPTIONS", target)
    assert (options.status, options.data) == (204, b"")
    assert set(options.headers["Allow"].split(", ")) == OF_PATH[path]
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - OF_PATH[path]:
        refused = await admin.call(method, target)
        assert (refused.status, refused.problem) == (405, "method-not-allowed")
        assert set(refused.headers["Allow"].split(", ")) == OF_PATH[path]
