"""Bugs in what a restore lets in, and in what it tells of the end."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

_REFUSALS = "tests/http/test_restore_refusals.py"
_RULES = "service/decide/restoring.py"
_CASES = (f"{_REFUSALS}::test_a_line_that_breaks_a_rule_is_refused",)

RESTORES = (
    Mutant(
        "anybody restores an export",
        _RULES,
        "    if not is_admin(context, user_id):\n",
        "    if False:\n",
        (f"{_REFUSALS}::test_only_administrators_restore",),
    ),
    Mutant(
        "a restore tells what is private to another",
        _RULES,
        "        _require_seen(context, user_id, kind, command.id)\n",
        "",
        (f"{_REFUSALS}::test_what_is_private_to_another_is_as_if_it_were_not_there",),
    ),
    Mutant(
        "a restore puts a document among somebody's private ones",
        _RULES,
        "        if document.owner_id != user_id:\n",
        "        if False:\n",
        (f"{_REFUSALS}::test_what_is_private_to_another_is_as_if_it_were_not_there",),
    ),
    Mutant(
        "a restore puts what is older behind what is newer",
        _RULES,
        "    if newest is not None and newest > command.entity.created_at:\n",
        "    if False:\n",
        (f"{_REFUSALS}::test_what_is_older_than_what_is_there_is_refused",),
    ),
    Mutant(
        "a restore gives a version a second time",
        _RULES,
        "tombstone.version >= command.entity.version:\n",
        "tombstone.version > command.entity.version:\n",
        (f"{_REFUSALS}::test_what_was_deleted_here_does_not_come_back",),
    ),
    Mutant(
        "a restore replaces what is there otherwise",
        _RULES,
        "    if not is_same:\n",
        "    if False:\n",
        (f"{_REFUSALS}::test_what_is_there_otherwise_stays",),
    ),
    Mutant(
        "a restored document tells of a content that is not there",
        _RULES,
        "        if blob is None or blob.size != document.content.size:\n",
        "        if False:\n",
        _CASES,
    ),
    Mutant(
        "a restored mark points out of its document",
        _RULES,
        "    if target == command.id or not (is_there or may_come):\n",
        "    if target == command.id:\n",
        _CASES,
    ),
    Mutant(
        "the blob of a restored content is not held",
        _RULES,
        "            changes += held(context, entity.content)\n",
        "            pass\n",
        (f"{_REFUSALS}::test_a_content_must_be_there_first",),
    ),
    Mutant(
        "an export that lacks lines is whole",
        "service/restoring.py",
        "        if end.lines not in {None, count}:\n",
        "        if False:\n",
        (f"{_REFUSALS}::test_an_export_that_is_not_whole_is_told",),
    ),
    Mutant(
        "what is in progress is kept in the order of its restoring",
        "service/state/supply.py",
        "            for other in reversed(later):\n",
        "            for other in ():\n",
        ("tests/http/test_restore.py::test_what_is_in_progress_is_in_the_order_of_its_beginning",),
    ),
)
