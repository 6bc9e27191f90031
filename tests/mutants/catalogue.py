"""All seeded bugs. A new rule of durability or of access gets one here."""

from __future__ import annotations

from tests.mutants.access import ACCESS
from tests.mutants.answers import ANSWERS
from tests.mutants.blobs import BLOBS
from tests.mutants.checks import CHECKS
from tests.mutants.edits import EDITS
from tests.mutants.mutant import Mutant
from tests.mutants.restores import RESTORES
from tests.mutants.syncs import SYNCS

MUTANTS: tuple[Mutant, ...] = (*SYNCS, *CHECKS, *ANSWERS, *EDITS, *BLOBS, *ACCESS, *RESTORES)
