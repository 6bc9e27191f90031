"""The engine: the one mutation path, what waits for durability, and who sees what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from service.commands import (
    LOCAL_ADMIN,
    Actor,
    Authenticate,
    Create,
    CredentialOf,
    Delete,
    Expire,
    Get,
    IdempotencyKey,
    Invalid,
    List,
    LogIn,
    Register,
)
from service.engine import Engine
from service.errors import (
    FieldError,
    ForbiddenError,
    ImmutableError,
    InUseError,
    InvalidError,
    MalformedError,
    NotFoundError,
    TakenError,
    TooLargeError,
    UnauthenticatedError,
)
from service.ids import IdSource
from service.kinds import KINDS
from service.kinds.account import UserDraft
from service.kinds.document import DocumentDraft
from service.kinds.marks import AnnotationDraft, ExtractionDraft
from service.settings import load
from service.state.state import State
from tests.simulated_disk import SimulatedDisk
from tests.wal.drive import DIRECTORY
from wal.errors import OutcomeUnknownError
from wal.log import Log
from wal.opening import open_log
from wal.settings import LogSettings

SETTINGS = LogSettings(segment_bytes=256 * 1024, record_bytes_max=32 * 1024, fill_pause_ms=0)
DAY_US = 86_400_000_000
TEXT = "Marie Curie met Albert Einstein."


class Service:
    """An engine over a simulated disk, with short ways to use it."""

    def __init__(self) -> None:
        self.disk = SimulatedDisk()
        self.now = 1_700_000_000_000_000
        self.ids = IdSource(lambda: self.now)

    async def open(self) -> None:
        """Open, or open again after a crash."""
        self.state = State(KINDS)
        self.log: Log
        self.log, self.report = await open_log(DIRECTORY, SETTINGS, self.state, file_system=self.disk)
        self.engine = Engine(self.state, self.log, lambda: self.now, load().limits)
        while not self.log._prepared:
            await asyncio.sleep(0)

    async def crash(self) -> None:
        """Cut the power and open what is found."""
        survivor = self.disk.survivor(7)
        self.disk.off = True
        await self.log._stop_preparing()
        await self.log._store.close()
        self.disk = survivor
        await self.open()

    async def user(self, email: str, **more: Any) -> Actor:
        """Register and log in."""
        draft = UserDraft(email=email)
        command = {"actor": None, "operation": "t", "loopback": True, "open": True, "password_hash": "hash", **more}
        outcome = await self.engine.submit(Register(new_id=self.ids.new("user"), draft=draft, **command))
        credential = await self.engine.credential(CredentialOf(actor=None, email=email))
        assert credential is not None
        login = LogIn(
            actor=None,
            operation="t",
            user_id=outcome.id,
            credential_generation=credential.generation,
            session_id=self.ids.new("sess"),
            token_hash=f"token of {email}",
            lifetime_us=DAY_US,
            sessions_max=9,
        )
        await self.engine.submit(login)
        return await self.engine.authenticate(Authenticate(actor=None, token_hash=f"token of {email}"))

    async def create(self, actor: Actor | None, kind: str, draft: Any) -> dict[str, Any]:
        """Create an entity and return its JSON."""
        command = Create(actor=actor, operation="t", kind=kind, new_id=self.ids.new(kind[:3]), draft=draft)
        outcome = await self.engine.submit(command)
        return dict(msgspec.json.decode(outcome.body))

    async def get(self, actor: Actor | None, kind: str, key: str) -> dict[str, Any]:
        """Read an entity."""
        entity = await self.engine.get(Get(actor=actor, kind=kind, id=key))
        return dict(msgspec.json.decode(entity.body))

    async def document(self, actor: Actor) -> str:
        """Create a document and return its id."""
        return str((await self.create(actor, "document", DocumentDraft(title="t", text=TEXT)))["id"])

    async def annotation(self, actor: Actor, document_id: str, **members: Any) -> str:
        """Create an annotation and return its id."""
        draft = msgspec.convert({"document_id": document_id, **members}, AnnotationDraft)
        return str((await self.create(actor, "annotation", draft))["id"])

    async def delete(self, actor: Actor, kind: str, key: str, *, cascade: bool = False) -> None:
        """Delete an entity."""
        await self.engine.submit(Delete(actor=actor, operation="t", kind=kind, id=key, cascade=cascade))


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """Return an open service."""
    service = Service()
    await service.open()
    yield service
    await service.log.close()


async def test_what_was_answered_is_there_after_a_crash(service: Service) -> None:
    """Users, sessions, documents, extractions and annotations, byte for byte."""
    ada = await service.user("Ada@example.org")
    document = await service.document(ada)
    extraction = msgspec.convert(
        {"document_id": document, "start": 0, "end": 5, "source": {"name": "m"}}, ExtractionDraft
    )
    made = await service.create(ada, "extraction", extraction)
    mark = await service.annotation(ada, document, start=0, end=11, label="person", extraction_id=made["id"])
    before = [await service.get(ada, kind, key) for kind, key in (("document", document), ("annotation", mark))]
    digest, counts = service.state.digest, service.state.counts
    await service.crash()
    assert (service.state.digest, service.state.counts) == (digest, counts)
    again = await service.engine.authenticate(Authenticate(actor=None, token_hash="token of Ada@example.org"))
    assert again == ada
    after = [await service.get(ada, kind, key) for kind, key in (("document", document), ("annotation", mark))]
    assert after == before
    assert before[0]["text"] == TEXT
    assert before[1] | {"text": "Marie Curie", "author_id": ada.user_id, "version": 1} == before[1]


async def test_the_first_user_of_this_machine_is_admin_and_the_next_is_not(service: Service) -> None:
    """The role is nobody's to choose."""
    ada = await service.user("ada@example.org")
    bob = await service.user("bob@example.org")
    assert (await service.get(ada, "user", ada.user_id or ""))["role"] == "admin"
    assert (await service.get(bob, "user", bob.user_id or ""))["role"] == "member"


async def test_an_email_address_is_taken_whatever_its_case(service: Service) -> None:
    """Addresses are case-folded."""
    await service.user("ada@example.org")
    with pytest.raises(TakenError, match="registered already"):
        await service.user("ADA@example.org")


async def test_closed_registration_is_forbidden(service: Service) -> None:
    """Nobody becomes a user by themselves."""
    with pytest.raises(ForbiddenError):
        await service.user("ada@example.org", open=False)


async def test_a_read_waits_until_what_it_shows_is_durable(service: Service) -> None:
    """A poisoned log never lets out what it may have lost."""
    ada = await service.user("ada@example.org")
    document = await service.document(ada)
    service.disk.failing["sync"] = 5
    draft = msgspec.convert({"document_id": document, "start": 0, "end": 5}, AnnotationDraft)
    key = service.ids.new("ann")
    creating = asyncio.create_task(
        service.engine.submit(Create(actor=ada, operation="t", kind="annotation", new_id=key, draft=draft))
    )
    await asyncio.sleep(0)
    assert service.state.tables["annotation"].value(key) is not None
    with pytest.raises(OutcomeUnknownError):
        await service.get(ada, "annotation", key)
    with pytest.raises(OutcomeUnknownError):
        await service.engine.page(List(actor=ada, kind="annotation", filters={}))
    with pytest.raises(OutcomeUnknownError):
        await creating
    # What was durable before is still told.
    assert (await service.get(ada, "document", document))["id"] == document


async def test_others_see_nothing_of_a_private_document(service: Service) -> None:
    """Neither it, nor its marks, nor that it exists."""
    ada, eve = await service.user("ada@example.org"), await service.user("eve@example.org")
    document = await service.document(ada)
    mark = await service.annotation(ada, document, start=0, end=5)
    for kind, key in (("document", document), ("annotation", mark), ("user", ada.user_id or "")):
        with pytest.raises(NotFoundError):
            await service.get(eve, kind, key)
    for kind, key in (("document", document), ("annotation", mark)):
        with pytest.raises(NotFoundError):
            await service.delete(eve, kind, key)
    with pytest.raises(NotFoundError):
        await service.annotation(eve, document, start=0, end=5)
    with pytest.raises(NotFoundError):
        await service.engine.page(List(actor=eve, kind="annotation", filters={"document_id": (document,)}))
    for kind in ("document", "annotation"):
        assert (await service.engine.page(List(actor=eve, kind=kind, filters={}))).items == []


async def test_who_is_not_logged_in_gets_nothing(service: Service) -> None:
    """Nobody, an unknown token, an ended session, an actor whose session is another's."""
    ada, eve = await service.user("ada@example.org"), await service.user("eve@example.org")
    document = await service.document(ada)
    with pytest.raises(UnauthenticatedError):
        await service.engine.authenticate(Authenticate(actor=None, token_hash="guess"))
    for actor in (None, Actor(ada.user_id, None), Actor(ada.user_id, eve.session_id)):
        with pytest.raises(UnauthenticatedError):
            await service.get(actor, "document", document)
    service.now += DAY_US + 1
    with pytest.raises(UnauthenticatedError, match="session has ended"):
        await service.create(ada, "document", DocumentDraft())


async def test_pages_follow_each_other_in_both_directions(service: Service) -> None:
    """With a filter, and the exact count when asked for."""
    ada = await service.user("ada@example.org")
    document = await service.document(ada)
    marks = [await service.annotation(ada, document, start=n, end=n + 1, label="ab"[n % 2]) for n in range(10)]
    for descending in (False, True):
        found: list[str] = []
        after: int | None = None
        while True:
            query = List(
                actor=ada,
                kind="annotation",
                filters={"document_id": (document,), "label": ("a",)},
                limit=2,
                after=after,
                descending=descending,
                count=True,
            )
            page = await service.engine.page(query)
            assert page.total == 5
            found += [msgspec.json.decode(item)["id"] for item in page.items]
            after = page.next
            if after is None:
                break
        assert found == (marks[::2][::-1] if descending else marks[::2])


async def test_a_filter_that_no_index_serves_is_refused_with_those_that_are(service: Service) -> None:
    """Never a scan."""
    ada = await service.user("ada@example.org")
    with pytest.raises(MalformedError, match="these are: document_id, label, type"):
        await service.engine.page(List(actor=ada, kind="annotation", filters={"colour": ("red",)}))


async def test_a_mark_that_others_point_to_is_kept_or_taken_with_them(service: Service) -> None:
    """409 that names them, or the cascade in one transaction."""
    ada = await service.user("ada@example.org")
    document = await service.document(ada)
    first, second = [await service.annotation(ada, document, start=n, end=n + 1) for n in (0, 6)]
    arguments = [{"role": "a", "target": first}, {"role": "b", "target": second}]
    relation = await service.annotation(ada, document, arguments=arguments)
    with pytest.raises(InUseError, match=relation):
        await service.delete(ada, "annotation", first)
    sequence = service.log.sequence
    await service.delete(ada, "annotation", first, cascade=True)
    assert service.log.sequence == sequence + 1
    page = await service.engine.page(List(actor=ada, kind="annotation", filters={}))
    assert [msgspec.json.decode(item)["id"] for item in page.items] == [second]


async def test_a_document_takes_its_text_and_marks_with_it(service: Service) -> None:
    """In one transaction."""
    ada = await service.user("ada@example.org")
    document, other = await service.document(ada), await service.document(ada)
    await service.annotation(ada, document, start=0, end=5)
    kept = await service.annotation(ada, other, start=0, end=5)
    await service.delete(ada, "document", document)
    counts = service.state.counts
    assert (counts["document"], counts["text"], counts["annotation"]) == (1, 1, 1)
    assert (await service.get(ada, "annotation", kept))["document_id"] == other


async def test_a_mark_points_only_into_its_own_document(service: Service) -> None:
    """Targets and the extraction are checked."""
    ada = await service.user("ada@example.org")
    document, other = await service.document(ada), await service.document(ada)
    elsewhere = await service.annotation(ada, other, start=0, end=5)
    with pytest.raises(InvalidError) as caught:
        await service.annotation(
            ada,
            document,
            extraction_id=elsewhere,
            arguments=[{"role": "a", "target": elsewhere}, {"role": "b", "target": "ann_nothing"}],
        )
    pointers = [error.pointer for error in caught.value.errors]
    assert pointers == ["/extraction_id", "/arguments/0/target", "/arguments/1/target"]


async def test_access_is_checked_before_the_schema(service: Service) -> None:
    """Who may not do it does not learn what was wrong with the body."""
    invalid = Invalid((FieldError("/title", "expected a string"),))
    with pytest.raises(UnauthenticatedError):
        await service.create(None, "document", invalid)
    ada = await service.user("ada@example.org")
    with pytest.raises(InvalidError, match="does not fit the schema"):
        await service.create(ada, "document", invalid)


async def test_what_is_too_large_is_refused_and_nothing_is_changed(service: Service) -> None:
    """A text beyond the limit, and a transaction beyond the log's."""
    ada = await service.user("ada@example.org")
    for size in (4 * 1024 * 1024 + 1, 40_000):
        with pytest.raises(TooLargeError):
            await service.create(ada, "document", DocumentDraft(text="x" * size))
    assert service.state.counts["document"] == 0


async def test_a_login_with_an_outdated_credential_is_refused(service: Service) -> None:
    """The password was changed between its verification and the login."""
    ada = await service.user("ada@example.org")
    login = LogIn(
        actor=None,
        operation="t",
        user_id=ada.user_id or "",
        credential_generation=99,
        session_id="sess_1",
        token_hash="t",
        lifetime_us=1,
        sessions_max=9,
    )
    with pytest.raises(UnauthenticatedError, match="wrong"):
        await service.engine.submit(login)
    assert await service.engine.credential(CredentialOf(actor=None, email="nobody@example.org")) is None


async def test_a_command_that_no_rule_knows_is_refused(service: Service) -> None:
    """It changes nothing."""
    ada = await service.user("ada@example.org")
    before = service.log.sequence
    with pytest.raises(ImmutableError, match="does nothing to session"):
        await service.engine.submit(Delete(actor=ada, operation="t", kind="session", id=ada.session_id or ""))
    assert service.log.sequence == before


async def test_a_retry_is_answered_as_before_also_after_a_crash_and_a_deletion(service: Service) -> None:
    """Byte for byte, without another record."""
    ada = await service.user("ada@example.org")
    create = Create(
        actor=ada,
        operation="t",
        kind="document",
        new_id=service.ids.new("doc"),
        draft=DocumentDraft(title="t"),
        idempotency=IdempotencyKey(id="k", fingerprint="f"),
    )
    first = await service.engine.submit(create)
    await service.delete(ada, "document", first.id)
    await service.crash()
    sequence = service.state.sequence
    again = await service.engine.submit(create)
    assert (again.body, again.status, again.id, again.replayed) == (first.body, 201, first.id, True)
    assert service.state.sequence == sequence


async def test_a_list_is_bounded_by_times_of_creation(service: Service) -> None:
    """From the first, inclusive, to the last, exclusive."""
    ada = await service.user("ada@example.org")
    times, documents = [], []
    for _ in range(4):
        service.now += 1_000_000
        times.append(service.now)
        documents.append(await service.document(ada))
    await service.delete(ada, "document", documents[2])
    for since, until, expected in ((times[1], times[3], [1]), (times[1], None, [1, 3]), (None, times[1], [0])):
        query = List(actor=ada, kind="document", filters={}, created_at_ge=since, created_at_lt=until, count=True)
        page = await service.engine.page(query)
        assert [msgspec.json.decode(item)["id"] for item in page.items] == [documents[place] for place in expected]
        assert page.total == len(expected)


async def test_users_are_listed_to_admins_and_members_see_themselves(service: Service) -> None:
    """And the local administrator sees all."""
    ada, bob = await service.user("ada@example.org"), await service.user("bob@example.org")
    for actor, expected in ((ada, 2), (bob, 1), (LOCAL_ADMIN, 2)):
        page = await service.engine.page(List(actor=actor, kind="user", filters={}))
        assert len(page.items) == expected
        assert (await service.get(actor, "user", bob.user_id or ""))["email"] == "bob@example.org"
    with pytest.raises(ForbiddenError):
        await service.engine.page(List(actor=LOCAL_ADMIN, kind="document", filters={}))


async def test_nothing_to_expire_makes_no_record(service: Service) -> None:
    """Maintenance costs nothing while there is nothing to do."""
    await service.user("ada@example.org")
    sequence = service.state.sequence
    command = Expire(actor=None, operation="t", limit=9, idempotency_lifetime_us=1, idempotency_entries_max=9)
    await service.engine.submit(command)
    assert service.state.sequence == sequence
