"""All campaigns. A new one is a module beside this one and a line here."""

from __future__ import annotations

from tests.campaigns.campaign import Campaign
from tests.campaigns.compaction_kills import COMPACTION_KILLS

CAMPAIGNS: tuple[Campaign, ...] = (COMPACTION_KILLS,)
