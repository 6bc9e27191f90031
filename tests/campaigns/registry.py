"""All campaigns. A new one is a module beside this one and a line here."""

from __future__ import annotations

from tests.campaigns import (
    compaction_kills,
    contract,
    cut,
    editors,
    errno_sweep,
    errors,
    flip,
    fuzz_http,
    guest_kernel,
    model,
    next_document,
    pause_and_clock,
    power,
    sectors,
    seeded_bugs,
    small_disk,
    syscall_kill,
)
from tests.campaigns.campaign import Campaign

CAMPAIGNS: tuple[Campaign, ...] = (
    cut.CAMPAIGN,
    flip.CAMPAIGN,
    sectors.CAMPAIGN,
    power.CAMPAIGN,
    errors.CAMPAIGN,
    model.CAMPAIGN,
    compaction_kills.CAMPAIGN,
    seeded_bugs.CAMPAIGN,
    fuzz_http.CAMPAIGN,
    next_document.CAMPAIGN,
    contract.CAMPAIGN,
    editors.CAMPAIGN,
    syscall_kill.CAMPAIGN,
    errno_sweep.CAMPAIGN,
    small_disk.CAMPAIGN,
    guest_kernel.CAMPAIGN,
    pause_and_clock.CAMPAIGN,
)
