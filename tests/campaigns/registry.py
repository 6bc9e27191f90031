"""All campaigns. A new one is a module beside this one and a line here."""

from __future__ import annotations

from tests.campaigns.campaign import Campaign
from tests.campaigns.compaction_kills import COMPACTION_KILLS
from tests.campaigns.fuzz_http import FUZZ_HTTP
from tests.campaigns.seeded_bugs import SEEDED_BUGS

CAMPAIGNS: tuple[Campaign, ...] = (COMPACTION_KILLS, SEEDED_BUGS, FUZZ_HTTP)
