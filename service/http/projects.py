"""Members of projects, and their labels: what is below /v1/projects/{id}."""

from __future__ import annotations

import msgspec
from aiohttp import web

from service.bodies import decode
from service.commands import Invalid, SetMember
from service.errors import ConflictError, GoneError, LabelUnknownError, TooManyMarksError
from service.http import examples
from service.http.body import read_body
from service.http.call import CALL
from service.http.collections import submit
from service.http.conditions import conditions_of
from service.http.endpoint import Body, Endpoint, Reply, done
from service.http.idempotency import REPLAYED, key_of
from service.http.parameters import parameters
from service.http.response import Response
from service.http.responses import outcome_response
from service.kinds.project import PROJECT, Project, ProjectRole
from service.kinds.review import Merging, Renaming
from service.reviews import ChangeLabels

_PATH = PROJECT.collection or ""


class Membership(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody is to be in a project."""

    role: ProjectRole


async def set_member(request: web.Request) -> Response:
    """Make a user a member, or let them be something else: PUT. The answer is the project."""
    call = request[CALL]
    body = await read_body(request)
    parameters(request)
    membership = decode(body, Membership, call.services.settings.limits)
    role = membership if isinstance(membership, Invalid) else membership.role
    return await _submit(request, body, role)


async def remove_member(request: web.Request) -> Response:
    """Take a user out of a project, or leave it: DELETE."""
    parameters(request)
    return await _submit(request, b"", None)


async def _submit(request: web.Request, body: bytes, role: ProjectRole | Invalid | None) -> Response:
    call = request[CALL]
    command = SetMember(
        actor=call.actor,
        operation=call.operation,
        idempotency=key_of(request, call.actor, body),
        id=request.match_info["id"],
        user_id=request.match_info["user_id"],
        role=role,
        conditions=conditions_of(request),
    )
    return outcome_response(await submit(call, command), _PATH)


async def rename_label(request: web.Request) -> Response:
    """Give a label another name, in all marks: POST /v1/projects/{id}/labels/rename. The answer is the project."""
    return await _change_labels(request, Renaming)


async def merge_labels(request: web.Request) -> Response:
    """Make another one of some labels, in all marks: POST /v1/projects/{id}/labels/merge. The answer is the project."""
    return await _change_labels(request, Merging)


async def _change_labels(request: web.Request, draft: type[Renaming | Merging]) -> Response:
    call = request[CALL]
    body = await read_body(request)
    parameters(request)
    command = ChangeLabels(
        actor=call.actor,
        operation=call.operation,
        idempotency=key_of(request, call.actor, body),
        id=request.match_info["id"],
        draft=decode(body, draft, call.services.settings.limits),
        conditions=conditions_of(request),
    )
    return outcome_response(await submit(call, command), _PATH)


_PROJECT = Reply(
    status=200,
    description="The project.",
    type=Project,
    example=examples.STORED_PROJECT,
    headers=("ETag", REPLAYED),
)
_REFUSES = (GoneError, ConflictError)
ENDPOINTS = (
    Endpoint(
        method="PUT",
        path="/v1/projects/{id}/members/{user_id}",
        handler=set_member,
        operation="setMember",
        summary="Make a user a member of a project, or give them another role",
        replies=[_PROJECT],
        body=Body(type=Membership, example={"role": "annotator"}),
        refuses=_REFUSES,
        scope="projects",
        takes_key=True,
        conditional=True,
    ),
    Endpoint(
        method="DELETE",
        path="/v1/projects/{id}/members/{user_id}",
        handler=remove_member,
        operation="removeMember",
        summary="Take a user out of a project, or leave it",
        replies=[done("They are no member any more.")],
        refuses=_REFUSES,
        scope="projects",
        takes_key=True,
        conditional=True,
    ),
    Endpoint(
        method="POST",
        path="/v1/projects/{id}/labels/rename",
        handler=rename_label,
        operation="renameLabel",
        summary="Give a label another name, in all marks",
        replies=[_PROJECT],
        body=Body(type=Renaming, example={"from": "place", "to": "location"}),
        refuses=(*_REFUSES, LabelUnknownError, TooManyMarksError),
        scope="projects",
        takes_key=True,
        conditional=True,
    ),
    Endpoint(
        method="POST",
        path="/v1/projects/{id}/labels/merge",
        handler=merge_labels,
        operation="mergeLabels",
        summary="Make another label of some labels, in all marks",
        replies=[_PROJECT],
        body=Body(type=Merging, example={"from": ["person"], "into": "place"}),
        refuses=(*_REFUSES, LabelUnknownError, TooManyMarksError),
        scope="projects",
        takes_key=True,
        conditional=True,
    ),
)
