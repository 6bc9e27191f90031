"""All campaigns. A new one is a module beside this one and a line here."""

from __future__ import annotations

from tests.campaigns.campaign import Campaign

CAMPAIGNS: tuple[Campaign, ...] = ()
