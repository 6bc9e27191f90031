"""Bugs in who may do what, what is hidden, and how often one may guess."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

_GUESSING = "tests/http/test_guessing.py"
_FOREIGN = ("tests/http/test_foreign_ids.py::test_an_id_of_another_is_told_from_no_id",)
_ASSIGNED = ("tests/http/test_mass_assignment.py::test_an_entity_takes_nothing_that_is_the_server_s",)
_TABLE = ("tests/http/test_access.py::test_every_cell_of_the_table_is_as_it_says",)
_HIDDEN = ("tests/http/test_independent.py",)

ACCESS = (
    Mutant(
        "a lock of logins is not read",
        "service/http/guessing.py",
        "            if locked_us > 0:\n",
        "            if False:\n",
        (f"{_GUESSING}::test_a_lock_outlasts_a_restart",),
    ),
    Mutant(
        "a lock of logins is not written",
        "service/http/guessing.py",
        "            if not attempts.is_used_up(key, limit):\n",
        "            if True:\n",
        (f"{_GUESSING}::test_a_lock_outlasts_a_restart",),
    ),
    Mutant(
        "an attempt is refused on a lock that is not durable",
        "service/engine.py",
        "            return locked_us(self._state, self._context(None).now, query.ids)\n"
        "        finally:\n            await durable(self._log, self._state.sequence)\n",
        "            return locked_us(self._state, self._context(None).now, query.ids)\n"
        "        finally:\n            pass\n",
        ("tests/service/test_untold.py",),
    ),
    Mutant(
        "locks of logins are without number",
        "service/decide/locks.py",
        "    if len(table) < command.locks_max:\n",
        "    if True:\n",
        ("tests/service/decide/test_locks.py",),
    ),
    Mutant(
        "a crash gives the whole allowance of logins back",
        "service/server.py",
        "        if not clean:\n",
        "        if False:\n",
        (f"{_GUESSING}::test_sigkill_between_the_attempts_gives_none_back",),
    ),
    Mutant(
        "a login gives back what failed from elsewhere",
        "service/http/guessing.py",
        "        self.call.services.attempts.forget(self._pair)\n",
        "        for key in self._guarded:\n            self.call.services.attempts.forget(key)\n",
        (f"{_GUESSING}::test_a_login_gives_those_who_guess_from_elsewhere_nothing_back",),
    ),
    Mutant(
        "the right password of a disabled account is no failure",
        "service/http/sessions.py",
        "        await attempt.failed()\n",
        "        attempt.came_to_nothing()\n",
        (f"{_GUESSING}::test_the_right_password_of_a_disabled_account_is_a_failure",),
    ),
    Mutant(
        "a login of nobody costs no comparison",
        "service/passwords.py",
        "            await self._run(lambda: self._verify(password, self._nobody))\n",
        "",
        ("tests/http/test_hash_counts.py",),
    ),
    Mutant(
        "an account that is disabled keeps its sessions",
        "service/decide/accounts.py",
        "    if user.disabled and not current.disabled:\n",
        "    if False:\n",
        ("tests/http/test_attacks.py",),
    ),
    Mutant(
        "a session that ended while the body arrived still counts",
        "service/decide/access.py",
        "    if login is None or user is None or login.user_id != actor.user_id or login.expires_at <= context.now:\n",
        "    if user is None:\n",
        ("tests/http/test_in_flight.py::test_whose_session_ends_meanwhile_is_not_logged_in",),
    ),
    Mutant(
        "a role is remembered, and not looked up when it is decided",
        "service/decide/access.py",
        "    role: ProjectRole | None = project.members.get(user_id)\n",
        "    held = globals().setdefault('_held', {})\n"
        "    role: ProjectRole | None = held.setdefault((user_id, scope), project.members.get(user_id))\n",
        ("tests/http/test_in_flight.py::test_who_is_removed_meanwhile_is_told_that_there_is_nothing",),
    ),
    Mutant(
        "the scopes of an API key are not looked at",
        "service/decide/__init__.py",
        "    require_scope(context, command)\n",
        "",
        ("tests/http/test_api_keys.py",),
    ),
    Mutant(
        "the API key of an administrator administers, whatever its scopes",
        "service/decide/access.py",
        '    if key is not None and "admin" in key.scopes:\n',
        "    if key is not None:\n",
        ("tests/http/test_api_keys.py",),
    ),
    Mutant(
        "a new password leaves the API keys",
        "service/decide/sessions.py",
        "    if not command.keeps_keys:\n",
        "    if False:\n",
        ("tests/http/test_api_keys.py",),
    ),
    Mutant(
        "one ends the session of another",
        "service/decide/sessions.py",
        "    if row is None or row.user_id != caller.user_id:\n",
        "    if row is None:\n",
        _FOREIGN,
    ),
    Mutant(
        "owner_id of a document is taken from the body",
        "service/decide/documents.py",
        "        owner_id=owner_id,\n",
        "        owner_id=draft.owner_id or owner_id,\n",
        _ASSIGNED,
    ),
    Mutant(
        "author_id of an annotation is taken from the body",
        "service/decide/marks.py",
        "        return Annotation(**members, author_id=author_id, extraction_id",
        "        return Annotation(**members, author_id=draft.author_id or author_id, extraction_id",
        _ASSIGNED,
    ),
    Mutant(
        "members of a project are taken from the body",
        "service/decide/projects.py",
        '_project(first_head(context, key), draft, {user_id: "owner"})',
        '_project(first_head(context, key), draft, draft.members or {user_id: "owner"})',
        _ASSIGNED,
    ),
    Mutant(
        "a role at registration is taken from the body",
        "service/decide/accounts.py",
        "    elif draft.role not in {None, role} or draft.disabled:\n",
        "    elif draft.role is not None:\n        role = draft.role\n    elif draft.disabled:\n",
        ("tests/http/test_mass_assignment.py",),
    ),
    Mutant(
        "a document of another is 403 in place of 404",
        "service/decide/access.py",
        '        raise absent(context, user_id, "document", document_id)\n',
        '        raise ForbiddenError(f"{document_id} is somebody else\'s.")\n',
        _FOREIGN,
    ),
    Mutant(
        "an annotator deletes the annotation of another",
        "service/decide/marks.py",
        "        action = Action.CREATE_ANNOTATION if row.author_id == user_id else Action.CHANGE_ANNOTATION\n",
        "        action = Action.CREATE_ANNOTATION\n",
        _TABLE,
    ),
    Mutant(
        "an annotator adjudicates",
        "service/decide/adjudication.py",
        "    row = require_document(context, user_id, command.id, Action.REVIEW)\n",
        "    row = require_document(context, user_id, command.id, Action.CREATE_ANNOTATION)\n",
        _TABLE,
    ),
    Mutant(
        "an annotator compares, and sees what is hidden",
        "service/reviewing.py",
        "        require_document(context, require_user(context, query.actor), query.document_id, Action.REVIEW)\n",
        "        require_document(context, require_user(context, query.actor), query.document_id)\n",
        _TABLE,
    ),
    Mutant(
        "GET shows an annotation that is hidden",
        "service/engine.py",
        "            if is_hidden(context, user_id, query.kind, row):\n",
        "            if False:\n",
        _HIDDEN,
    ),
    Mutant(
        "a list holds annotations that are hidden",
        "service/decide/visibility.py",
        "    return not is_reviewed(context, document_id) and hides_others(context, user_id, scope)\n",
        "    return False\n",
        _HIDDEN,
    ),
    Mutant(
        "the deletion of an annotation that is hidden is told",
        "service/decide/access.py",
        "    return not is_annotation or tombstone.author_id == user_id or not hides_others("
        "context, user_id, tombstone.owner_id)\n",
        "    return True\n",
        _HIDDEN,
    ),
    Mutant(
        "an annotator has two verdicts on an extraction",
        "service/decide/verdicts.py",
        "    _require_only(context, mark)\n\n\n",
        "\n\n",
        ("tests/service/decide/test_verdicts.py",),
    ),
)
