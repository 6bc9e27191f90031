"""All campaigns. A new one is a module beside this one and a line here."""

from __future__ import annotations

from tests.campaigns import errno_sweep, guest_kernel, pause_and_clock, small_disk, syscall_kill
from tests.campaigns.campaign import Campaign
from tests.campaigns.compaction_kills import COMPACTION_KILLS

CAMPAIGNS: tuple[Campaign, ...] = (
    COMPACTION_KILLS,
    syscall_kill.CAMPAIGN,
    errno_sweep.CAMPAIGN,
    small_disk.CAMPAIGN,
    guest_kernel.CAMPAIGN,
    pause_and_clock.CAMPAIGN,
)
