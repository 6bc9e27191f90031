"""All campaigns. A new one is a module beside this one and a line here."""

from __future__ import annotations

from tests.campaigns import errno_sweep, small_disk, syscall_kill
from tests.campaigns.campaign import Campaign

CAMPAIGNS: tuple[Campaign, ...] = (
    syscall_kill.CAMPAIGN,
    errno_sweep.CAMPAIGN,
    small_disk.CAMPAIGN,
)
