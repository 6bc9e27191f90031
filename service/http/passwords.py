"""Passwords in requests: what they may be, and the check of one that was sent."""

from __future__ import annotations

from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from service.commands import Credential, CredentialOf
from service.http import guessing
from service.http.call import Call
from service.http.guessing import Attempt
from service.logins import account_of
from service.passwords import Verdict

NewPassword = Annotated[str, Meta(min_length=8, max_length=1000)]
Password = Annotated[str, Meta(max_length=1000)]


class Verified(msgspec.Struct, frozen=True):
    """A password that was right.

    Attributes:
        credential: That it was compared with.
        rehashed: A new hash of it when the parameters of the stored one are outdated, else None.
        attempt: Not ended yet: what comes of it is for who asked to say.
    """

    credential: Credential
    rehashed: str | None
    attempt: Attempt


async def verify(request: web.Request, call: Call, password: str, query: CredentialOf) -> Verified | None:
    """Compare a password with a user's, in the same way whether there is such a user or not.

    Returns:
        None if it is wrong.

    Raises:
        TooManyError: It was wrong too often of late, for this account or from this address.
        BusyError: Too many are being compared.
        WalError: It was wrong so often that this must be stored, and the log takes nothing.
    """
    passwords = call.services.passwords
    attempt = await guessing.begin(request, call, account_of(query))
    try:
        credential = await call.engine.credential(query)
        verdict = await passwords.verify(password, None if credential is None else credential.password_hash)
        rehashed = await passwords.hash(password) if verdict is Verdict.OUTDATED else None
    except BaseException:
        attempt.came_to_nothing()
        raise
    if credential is None or verdict is Verdict.WRONG:
        await attempt.failed()
        return None
    return Verified(credential, rehashed, attempt)
