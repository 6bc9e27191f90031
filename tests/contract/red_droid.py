"""Has REDbot look at resources, as a program of its own: its event loop is one of its own too.

It reads a JSON list of ``[url, {header field: value}]`` from standard input, and writes a JSON list of
``{"url", "status", "notes": [{"level", "about", "summary"}]}``. It asks the given server alone.
"""

from __future__ import annotations

import json
import sys
from configparser import ConfigParser
from typing import Any

import thor
from redbot.resource import HttpResource


def look(url: str, headers: dict[str, str]) -> HttpResource:
    """Return a resource that can be checked."""
    parser = ConfigParser()
    parser.read_dict({"redbot": {"enable_local_access": "True"}})
    resource = HttpResource(parser["redbot"])
    resource.set_request(url, headers=list(headers.items()))
    return resource


def check(resources: list[HttpResource]) -> None:
    """Check resources one after the other, all in the one run that the loop has."""
    waiting = iter(resources)

    def go_on() -> None:
        resource = next(waiting, None)
        if resource is None:
            thor.stop()
            return
        resource.once("check_done", go_on)
        resource.check()

    go_on()
    thor.run()


def told(resource: HttpResource) -> dict[str, Any]:
    """Return what was found, in the answer itself and in those to further requests that were made of it."""
    answers = [resource, *resource.subreqs.values()]
    notes = [note for one in answers for found in one.response.notes for note in (found, *found.subnotes)]
    return {
        "url": resource.request.uri,
        "status": resource.response.status_code,
        "complete": resource.response.complete,
        "notes": [{"level": note.level.value, "about": note.subject, "summary": str(note.summary)} for note in notes],
    }


if __name__ == "__main__":
    looked_at = [look(url, headers) for url, headers in json.load(sys.stdin)]
    check(looked_at)
    json.dump([told(resource) for resource in looked_at], sys.stdout)
