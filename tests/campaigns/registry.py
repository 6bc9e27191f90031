"""All campaigns. A new one is a module beside this one and a line here."""

from __future__ import annotations

from tests.campaigns import cut, errors, flip, model, power, sectors
from tests.campaigns.campaign import Campaign

CAMPAIGNS: tuple[Campaign, ...] = (
    cut.CAMPAIGN,
    flip.CAMPAIGN,
    sectors.CAMPAIGN,
    power.CAMPAIGN,
    errors.CAMPAIGN,
    model.CAMPAIGN,
)
