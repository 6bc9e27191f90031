"""One attempt at a password: counted in memory, and locked in the log once an allowance is used up.

It counts three times: for the account from this address, for the account from everywhere, and for the address. The
allowance for the account alone is larger, so that somebody far away does not lock out whose e-mail address they know.
The first two are written when they are used up, so that no crash gives them back; the third is what an address may
cost the server, and begins anew. For an e-mail address that nobody has, all of this is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from aiohttp import web

from service.http.attempts import Limit, too_many
from service.http.call import Call
from service.http.identity import network
from service.logins import LOCKED, LockLogin, Locks, pair_id

_SECOND_US = 1_000_000


@dataclass(frozen=True)
class Attempt:
    """An attempt at the password of an account; exactly one of the last three methods ends it.

    Attributes:
        call: The request.
        account: The account's hash (`service.logins`), whether there is such an account or not.
        address: Where the attempt comes from.
    """

    call: Call
    account: str
    address: str

    async def begin(self) -> None:
        """Let it pass and count it.

        Raises:
            TooManyError: It has to wait.
        """
        attempts = self.call.services.attempts
        # Counted first: who gets past here after a lock was written, and its count forgotten, meets the lock below.
        attempts.begin({**self._guarded, f"address {self.address}": self._of_address})
        try:
            query = Locks(actor=None, ids=tuple(self._guarded))
            locked_us = await self.call.engine.locked_us(query)
            if locked_us > 0:
                raise too_many(locked_us / _SECOND_US)
        except BaseException:
            self.came_to_nothing()
            raise

    def came_to_nothing(self) -> None:
        """Count it as nothing: no password was compared, or nobody is told what came of it."""
        self.call.services.attempts.take_back(*self._guarded, f"address {self.address}")

    def succeeded(self) -> None:
        """Forget the failures of the account from this address.

        Those of the account from elsewhere stay, or each login would let those who guess go on. Those of the address
        stay, or an attacker with an account of their own would guess on.
        """
        self.came_to_nothing()
        self.call.services.attempts.forget(self._pair)

    async def failed(self) -> None:
        """Leave it counted. What is used up by it is locked, which is durable when this returns.

        Raises:
            WalError: The log does not take the lock; attempts go on to be counted in memory.
        """
        attempts, limits = self.call.services.attempts, self.call.services.settings.limits
        for key, limit in self._guarded.items():
            if not attempts.is_used_up(key, limit):
                continue
            command = LockLogin(
                actor=None,
                operation=self.call.operation,
                lock_id=key,
                account=self.account,
                # As long as it takes until all failures of a whole allowance are forgotten, one by one.
                lifetime_us=round(limit.failures * attempts.seconds * _SECOND_US),
                locks_max=limits.login_locks_max,
            )
            if (await self.call.engine.submit(command)).status == LOCKED:
                # The lock stands for them now. Without one they stay: this process, at least, goes on to refuse.
                attempts.forget(key)

    @property
    def _pair(self) -> str:
        return pair_id(self.account, self.address)

    @cached_property
    def _guarded(self) -> dict[str, Limit]:
        limits = self.call.services.settings.limits
        share = limits.failed_logins_crash_share
        allowed = {self._pair: limits.failed_logins_max, self.account: limits.failed_logins_account_max}
        return {key: Limit(failures, max(1, int(failures * share))) for key, failures in allowed.items()}

    @property
    def _of_address(self) -> Limit:
        failures = self.call.services.settings.limits.failed_logins_address_max
        return Limit(failures, failures)


async def begin(request: web.Request, call: Call, account: str) -> Attempt:
    """Return an attempt that may go on; raises as `Attempt.begin`."""
    attempt = Attempt(call, account, network(request))
    await attempt.begin()
    return attempt
