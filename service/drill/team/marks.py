"""The judge of marks: each that was made is there once, with what became of its label and with every change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from service.drill.team.history import Deed, Seen, done, seen_in
from service.drill.team.look import Look
from service.drill.team.record import Birth, Record
from service.drill.violation import Broken, Violation, violation


def check_marks(
    record: Record, look: Look, user_ids: Mapping[str, str], stamps: Mapping[str, Deed]
) -> Iterator[Violation]:
    """Yield what is broken about the marks of a project.

    Args:
        record: Of the project.
        look: At all of it, after the last retry.
        user_ids: Person → the id of their account.
        stamps: Stamp → the request that carries it.
    """
    found = look.marks()
    rejections = record.rejections()
    for key, birth in record.births.items():
        if key not in found or found[key][0] != birth.collection:
            yield _missing(record, look, key, birth)
            continue
        seen = found[key][1]
        yield from _mark(record, look, seen, birth, rejections.get(key))
        if seen.members.get("author_id", user_ids[birth.deed.client]) != user_ids[birth.deed.client]:
            yield violation(Broken.VALUE, key, "It has another author.", [birth.deed, look.deeds[birth.collection]])
    for key in found.keys() - record.births.keys():
        collection, seen = found[key]
        yield unmade(seen, stamps, look.deeds[collection])


def unmade(seen: Seen, stamps: Mapping[str, Deed], survey: Deed) -> Violation:
    """Judge something that no carried out request has made."""
    # The marks of a transaction have stamps that go on from its own.
    sent = stamps.get(seen.stamp) or stamps.get(seen.stamp.rpartition(".")[0])
    if sent is None:
        return violation(Broken.VALUE, seen.id, f"It is there with {seen.stamp!r}; nobody made that.", [survey])
    if done(sent) is not None:
        return violation(
            Broken.DUPLICATED, seen.id, "Its request had made another one: it was carried out twice.", [sent, survey]
        )
    if sent.is_unknown and sent.resolution is None:
        return violation(Broken.UNANSWERED, seen.id, "It is there; its request has no answer.", [sent, survey])
    return violation(Broken.REFUSED, seen.id, "It is there; its request was refused.", [sent, survey])


def _missing(record: Record, look: Look, key: str, birth: Birth) -> Violation:
    others = [one for one, other in record.births.items() if other.deed is birth.deed and one != key]
    deeds = [birth.deed, *([look.deeds[birth.collection]] if birth.collection in look.deeds else [])]
    there = look.things[birth.collection].keys()
    if any(one in there for one in others):
        return violation(Broken.HALF, key, "It is gone, and others that were made with it are there.", deeds)
    return violation(Broken.LOST, key, "It was made, nobody deleted it, and it is gone.", deeds)


def _mark(record: Record, look: Look, seen: Seen, birth: Birth, rejection: Deed | None) -> Iterator[Violation]:
    survey = look.deeds[birth.collection]
    chain = record.chain(birth.label)
    label = record.now(birth.label)
    renaming = [record.became[one][1] for one in [birth.label, *chain][:-1]]
    if seen.label != label:
        says = f"It has the label {seen.label!r}, which is called {label!r} by now."
        yield violation(Broken.HALF if renaming else Broken.VALUE, seen.id, says, [birth.deed, *renaming, survey])
    updates = record.updates.get(seen.id, [])
    version = 1 + len(chain) + len(updates) + (rejection is not None)
    causes = [birth.deed, *renaming, *updates, *([rejection] if rejection else [])]
    if seen.version != version:
        says = f"It has version {seen.version}; {version - 1} changes were carried out, which make {version}."
        yield violation(Broken.VERSIONS, seen.id, says, [*causes, survey])
    stamp = _stamp(birth, updates)
    if seen.stamp != stamp:
        yield violation(Broken.VALUE, seen.id, f"It has {seen.stamp!r}, expected {stamp!r}.", [*causes, survey])
    status = "rejected" if rejection else "accepted" if birth.decided else "proposed"
    if seen.members.get("status") != status:
        says = f"It is {seen.members.get('status')}, and should be {status}, as the adjudication left it."
        decided = [rejection or birth.deed]
        yield violation(Broken.HALF, seen.id, says, [birth.deed, *decided, survey])
    if frozenset(seen.members.get("rests_on") or ()) != birth.rests_on:
        says = f"It rests on {seen.members.get('rests_on')}, expected {sorted(birth.rests_on)}."
        yield violation(Broken.HALF, seen.id, says, [birth.deed, survey])
    yield from _verdict(seen, birth, survey)


def _verdict(seen: Seen, birth: Birth, survey: Deed) -> Iterator[Violation]:
    if birth.decided or birth.collection != "annotations" or birth.deed.collection == "transactions":
        return
    for name in ("verdict", "extraction_id"):
        if seen.members.get(name) != birth.deed.sent.get(name):
            says = f"Its {name} is {seen.members.get(name)}, expected {birth.deed.sent.get(name)}."
            yield violation(Broken.VALUE, seen.id, says, [birth.deed, survey])


def _stamp(birth: Birth, updates: list[Deed]) -> str:
    told = [(seen_in(one)[0].version, one.stamp) for one in updates if seen_in(one)]
    return max(told, default=(0, birth.stamp))[1]
