"""Bugs in what keeps edits apart: versions, preconditions, and keys that outlast the process that has taken them."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

_RULES = ("tests/service/decide/test_documents.py",)

EDITS = (
    Mutant(
        "a precondition is not looked at",
        "service/decide/conditions.py",
        "    wanted = conditions.if_match\n",
        "    wanted = None\n",
        _RULES,
    ),
    Mutant(
        "a change does not raise the version",
        "service/decide/decision.py",
        "Head(current.id, current.version + 1,",
        "Head(current.id, current.version,",
        _RULES,
    ),
    Mutant(
        "a key is another one after a restart",
        "service/http/idempotency.py",
        'id=_digest(identity, b"")',
        "id=str(hash(identity))",
        ("tests/test_editors.py",),
    ),
)
