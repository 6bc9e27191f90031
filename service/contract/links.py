"""Links of the description: where an answer leads, found from the paths of the endpoints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from service.http.endpoint import Endpoint, Reply
from service.kinds.assignment import ASSIGNMENT

_HOMES = {"next": ASSIGNMENT.collection}
"""Last step of a path that creates → the collection of what it creates."""


def links(endpoint: Endpoint, reply: Reply, endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """Return the links of a reply: from what was created to what can be done with it, and from a page to the next.

    Args:
        endpoint: That answers.
        reply: One of its replies.
        endpoints: All that there are.
    """
    if reply.status == 201 and endpoint.tag != "sessions":  # noqa: PLR2004 - created
        # What is created below something else lives in a collection of its own, which `Location` names.
        last = endpoint.path.split("/")[-1]
        home = f"/v1/{_HOMES.get(last, last) if endpoint.method == 'POST' else endpoint.tag}/{{id}}"
        return {
            one.operation: {"operationId": one.operation, "parameters": {"id": "$response.body#/id"}}
            for one in endpoints
            if one.path.startswith(home) and one.names == ["id"]
        }
    if "Link" in reply.headers:
        parameters = {f"path.{name}": f"$request.path.{name}" for name in endpoint.names}
        return {
            "next": {
                "operationId": endpoint.operation,
                "parameters": {**parameters, "query.cursor": "$response.body#/next"},
            }
        }
    if "Export-Id" in reply.headers:
        return {
            "resume": {
                "operationId": endpoint.operation,
                "parameters": {"query.resume": "$response.header.Export-Id"},
            }
        }
    return {}
