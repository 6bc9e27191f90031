"""Passwords in requests: what they may be, and the check of one that was sent."""

from __future__ import annotations

from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from service.commands import Credential, CredentialOf
from service.http.call import Call
from service.passwords import Verdict

NewPassword = Annotated[str, Meta(min_length=8, max_length=1000)]
Password = Annotated[str, Meta(max_length=1000)]


class Verified(msgspec.Struct, frozen=True):
    """A password that was right.

    Attributes:
        credential: That it was compared with.
        rehashed: A new hash of it when the parameters of the stored one are outdated, else None.
    """

    credential: Credential
    rehashed: str | None


async def verify(request: web.Request, call: Call, password: str, query: CredentialOf) -> Verified | None:
    """Compare a password with a user's, in the same time whether there is such a user or not.

    Returns:
        None if it is wrong.

    Raises:
        TooManyError: It was wrong too often of late, for this account or from this address.
        BusyError: Too many are being compared.
    """
    services = call.services
    limits = services.settings.limits
    account = f"account {query.user_id or (query.email or '').casefold()}"
    address = f"address {request.remote}"
    services.attempts.begin({account: limits.failed_logins_max, address: limits.failed_logins_address_max})
    try:
        credential = await call.engine.credential(query)
        verdict = await services.passwords.verify(password, None if credential is None else credential.password_hash)
    except BaseException:
        services.attempts.take_back(account, address)
        raise
    if credential is None or verdict is Verdict.WRONG:
        return None
    # Those of the address stay, or an attacker with an account of their own would guess on.
    services.attempts.take_back(address)
    services.attempts.forget(account)
    rehashed = await services.passwords.hash(password) if verdict is Verdict.OUTDATED else None
    return Verified(credential, rehashed)
