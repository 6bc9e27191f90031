"""API keys of a crew: made, used and revoked. Their requests take no idempotency key, for the token is told once."""

from __future__ import annotations

import random
from typing import Any

import msgspec

from service.client.transport import Request
from service.drill.history import Action
from service.drill.team.history import Deed, seen_in
from service.drill.team.people import ANNOTATORS, EDITOR

COLLECTION = "api-keys"
USE = "me"
EXPIRES_DAYS = 30
_OF_ALL_MAX = 20
_MAKE_SHARE, _REVOKE_SHARE = 0.25, 0.2
_PEOPLE = (EDITOR, *ANNOTATORS)


class Keyring:
    """The keys of a crew.

    Args:
        expires_at: When all of them expire.

    Attributes:
        tokens: Key → token, of all whose making was acknowledged.
        holders: Key → person.
        usable: Keys that nobody has begun to revoke.
        revoked: Keys of which somebody has.
    """

    def __init__(self, expires_at: str) -> None:
        self.expires_at = expires_at
        self.tokens: dict[str, str] = {}
        self.holders: dict[str, str] = {}
        self.usable: list[str] = []
        self.revoked: list[str] = []

    def learn(self, deed: Deed) -> None:
        """Take in an answer."""
        for seen in seen_in(deed):
            if deed.collection == COLLECTION and deed.action == "create":
                self.tokens[seen.id] = seen.members["token"]
                self.holders[seen.id] = deed.client
                self.usable.append(seen.id)

    def plan(self, chance: random.Random, stamp: str, round_number: int) -> tuple[Deed, Request]:
        """Return what somebody does with a key: they make, use or revoke one."""
        share, spot = chance.random(), chance.random()
        person = chance.choice(_PEOPLE)
        if not self.usable or (share < _MAKE_SHARE and len(self.usable) < _OF_ALL_MAX):
            sent = {"name": stamp, "scopes": ["read"], "expires_at": self.expires_at}
            deed = _deed("create", COLLECTION, person, round_number, label=stamp, sent=sent)
            return deed, Request(method="POST", path="/v1/api-keys", body=msgspec.json.encode(sent), repeatable=False)
        if share > 1 - _REVOKE_SHARE:
            key = self.usable.pop(int(spot * len(self.usable)))
            self.revoked.append(key)
            deed = _deed("delete", COLLECTION, self.holders[key], round_number, id=key)
            return deed, Request(method="DELETE", path=f"/v1/api-keys/{key}", repeatable=False)
        among = [*self.usable, *self.revoked[-3:]]
        return self.use(among[int(spot * len(among))], round_number)

    def use(self, key: str, round_number: int) -> tuple[Deed, Request]:
        """Return the request of a program that asks with a key who it is."""
        deed = _deed("get", USE, self.holders[key], round_number, id=key)
        return deed, Request(method="GET", path="/v1/me")


def _deed(action: Action, collection: str, person: str, round_number: int, **members: Any) -> Deed:
    return Deed(number=0, round=round_number, client=person, user=0, action=action, collection=collection, **members)
