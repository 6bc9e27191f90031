"""Pages for people: the description, and what problems mean."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from service.http.html import prose
from service.http.problems import pages
from tests.harness import Answer, Member

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


def hashed(text: str) -> str:
    """Return how a policy names a script or a style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def within(answer: Answer, element: str) -> list[str]:
    """Return what a page holds in elements of a name."""
    return re.findall(rf"<{element}>(.*?)</{element}>", answer.data.decode(), re.DOTALL)


@pytest.mark.parametrize("path", ["/docs", "/problems/taken"])
async def test_a_page_runs_nothing_but_its_own_and_asks_nobody_else(anybody: Member, path: str) -> None:
    """The policy names its script and its style by their hashes, and no address in the page leads to another host."""
    answer = await anybody.call("GET", path, headers={"Accept": BROWSER})
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    policy = dict(one.strip().split(" ", 1) for one in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert policy["style-src"] == " ".join(map(hashed, within(answer, "style")))
    assert policy["script-src"] == (" ".join(map(hashed, within(answer, "script"))) or "'none'")
    page = answer.data.decode()
    assert not re.search(r"(src|href)=.?(https?:)?//|\burl\(|@import|https?://", page)
    assert not re.search(r"\son\w+=|style=|/\*[A-Z]+\*/|innerHTML", page)


async def test_the_page_of_the_description_is_made_from_it(anybody: Member) -> None:
    """It holds no description of its own."""
    page = (await anybody.call("GET", "/docs")).data.decode()
    assert 'fetch("/openapi.json")' in page
    assert "/v1/" not in page


async def test_a_problem_is_a_page_for_browsers_and_plain_text_for_others(anybody: Member) -> None:
    """Both say when it is answered; caches are told what that depends on."""
    page = await anybody.call("GET", "/problems/in-use", headers={"Accept": BROWSER})
    text = await anybody.call("GET", "/problems/in-use")
    assert [one.headers["Vary"] for one in (page, text)] == ["Accept", "Accept"]
    assert text.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "<code>?cascade=true</code>" in page.data.decode()
    assert '<a href="/docs#deleteAnnotation">' in page.data.decode()
    assert "`?cascade=true`" in text.data.decode()


@pytest.mark.parametrize("name", pages())
async def test_every_problem_has_a_page_for_browsers(anybody: Member, name: str) -> None:
    """Also those that no endpoint answers."""
    page = await anybody.call("GET", f"/problems/{name}", headers={"Accept": "text/html"})
    assert f"<h1>{pages()[name].title}</h1>" in page.data.decode()
    assert "<li>" in page.data.decode()


def test_text_cannot_become_html() -> None:
    """What looks like HTML is shown as it is."""
    assert prose("a <b> `<i>`\nc\n\nd") == "<p>a &lt;b&gt; <code>&lt;i&gt;</code> c</p>\n<p>d</p>"
