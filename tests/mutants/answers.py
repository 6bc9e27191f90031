"""Bugs in what is told, and when: nothing may be shown to anyone before it is durable, and a retry must be safe."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

_ENGINE = ("tests/service/test_untold.py", "tests/service/test_engine.py")
_KEYS = ("tests/service/decide/test_idempotency.py",)
_REFUSAL = (
    "        except DomainError:\n            await durable(self._log, self._state.sequence)\n            raise\n"
)

ANSWERS = (
    Mutant(
        "a change is answered before it is durable",
        "service/engine.py",
        "        await durable(self._log, sequence)\n        if outcome.replayed",
        "        if outcome.replayed",
        _ENGINE,
    ),
    Mutant(
        "GET shows what is not durable",
        "service/engine.py",
        "        await durable(self._log, sequence)\n        return entity\n",
        "        return entity\n",
        _ENGINE,
    ),
    Mutant(
        "GET rests on a document that is not durable",
        "service/engine.py",
        'marks += [tables["document"].sequence(document_id), tables["project"].sequence(scope)]\n',
        'marks += [tables["project"].sequence(scope)]\n',
        _ENGINE,
    ),
    Mutant(
        "GET rests on a membership that is not durable",
        "service/engine.py",
        'marks += [tables["document"].sequence(document_id), tables["project"].sequence(scope)]\n',
        'marks += [tables["document"].sequence(document_id)]\n',
        _ENGINE,
    ),
    Mutant(
        "GET rests on a session that is not durable",
        "service/engine.py",
        "*self._actor_marks(query)]\n",
        "]\n",
        _ENGINE,
    ),
    Mutant(
        "GET refuses (401, 404, 410) on what is not durable",
        "service/engine.py",
        "            entity, sequence = self._get(query)\n" + _REFUSAL,
        "            entity, sequence = self._get(query)\n        except DomainError:\n            raise\n",
        _ENGINE,
    ),
    Mutant(
        "a list shows what is not durable",
        "service/engine.py",
        "            return self._list(query)\n        finally:\n"
        "            await durable(self._log, self._state.sequence)\n",
        "            return self._list(query)\n        finally:\n            pass\n",
        _ENGINE,
    ),
    Mutant(
        "a change is refused (403, 404, 409, 412, 422) on what is not durable",
        "service/engine.py",
        "            # The refusal rests on the state, of which some may not be durable yet.\n"
        "            await durable(self._log, self._state.sequence)\n",
        "",
        _ENGINE,
    ),
    Mutant(
        "a token is refused on what is not durable",
        "service/engine.py",
        "            await durable(self._log, self._state.sequence)\n            raise UnauthenticatedError(",
        "            raise UnauthenticatedError(",
        _ENGINE,
    ),
    Mutant(
        "a login is tried on a password that is not durable",
        "service/engine.py",
        "        await durable(self._log, self._state.sequence)\n        if user_id is None or row is None:\n",
        "        if user_id is None or row is None:\n",
        _ENGINE,
    ),
    Mutant(
        "a retry is answered before the first answer is durable",
        "service/engine.py",
        "it rests on what was applied before.\n            return self._state.sequence\n",
        "it rests on what was applied before.\n            return 0\n",
        _ENGINE,
    ),
    Mutant(
        "a change is decided without room for it",
        "service/engine.py",
        "        self._log.admit()\n        try:\n",
        "        try:\n",
        _ENGINE,
    ),
    Mutant(
        "a time goes back, in entities",
        "service/engine.py",
        "max(self._clock(), self._log.time)",
        "self._clock()",
        _ENGINE,
    ),
    Mutant(
        "the answer is not kept in the record of the change",
        "service/decide/idempotency.py",
        "    return Decision([*decision.changes, created(context, IDEMPOTENCY, answer.id, answer)], outcome)\n",
        "    return Decision(decision.changes, outcome)\n",
        (*_KEYS, *_ENGINE),
    ),
    Mutant(
        "another request is answered with what is kept under its key",
        "service/decide/idempotency.py",
        " or answer.fingerprint != command.idempotency.fingerprint:\n",
        ":\n",
        _KEYS,
    ),
    Mutant(
        "a key that was used for another request is taken again",
        "service/decide/idempotency.py",
        "    if answer is not None:\n        raise KeyReusedError(",
        "    if False:\n        raise KeyReusedError(",
        _KEYS,
    ),
    Mutant(
        "the key of a user meets that of another",
        "service/http/idempotency.py",
        "    identity = (owner, request.method",
        "    identity = (request.method",
        ("tests/http/test_idempotency.py",),
    ),
    Mutant(
        "the fingerprint of a request leaves its body out",
        "service/http/idempotency.py",
        "fingerprint=_digest(essence, body))",
        'fingerprint=_digest(essence, b""))',
        ("tests/http/test_idempotency.py",),
    ),
)
