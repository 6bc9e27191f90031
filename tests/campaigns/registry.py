"""All campaigns. A new one is a module beside this one and a line here."""

from __future__ import annotations

from tests.campaigns import compaction_kills, cut, errors, flip, fuzz_http, model, power, sectors, seeded_bugs
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
)
