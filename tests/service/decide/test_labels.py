"""Labels that are renamed, merged or not known: what is told of what is wrong, and how much work that is."""

from __future__ import annotations

from typing import Any

import pytest

from service.commands import Actor
from service.errors import InvalidError, LabelUnknownError
from service.kinds.review import Adjudication, Decided, Merging
from service.reviews import Adjudicate, ChangeLabels
from tests.service.conftest import Compared, Watched
from tests.service.decide.world import World

MANY = 30


def merge(world: World, actor: Actor, project: str, old: list[str], into: str) -> None:
    """Merge labels of a project."""
    world.do(ChangeLabels(actor=actor, operation="t", id=project, draft=Merging(old=old, into=into)))


def project_of(world: World, actor: Actor, labels: list[dict[str, Any]]) -> tuple[str, str]:
    """Create a project that is closed to other labels, and a document in it; returns their ids."""
    project = world.project(actor, {}, labels=labels, label_policy="closed")
    document = world.create(actor, "document", title="t", text="Marie Curie", project_id=project)
    return project, document["id"]


def test_of_many_unknown_labels_the_first_are_told(world: World, ada: Actor, compared: Compared) -> None:
    """With the nearest of each; of the others how many they are."""
    project, _ = project_of(world, ada, [{"name": f"label {number}"} for number in range(MANY)])
    unknown = [f"lable {number}" for number in range(2 * MANY)]
    with pytest.raises(LabelUnknownError, match=f"{2 * MANY} of the labels.* first 10") as caught:
        merge(world, ada, project, unknown, "label 0")
    assert [error.pointer for error in caught.value.errors] == [f"/from/{place}" for place in range(10)]
    assert all("the nearest is 'label " in error.detail for error in caught.value.errors)
    assert (compared.letters, compared.whole) == (10 * MANY, 10 * 10)


def test_of_many_marks_that_would_not_fit_the_first_are_told(world: World, ada: Actor, compared: Compared) -> None:
    """All of them are counted, and nothing is made up for those that are not told."""
    labels = [{"name": name, "attributes": {name: {"type": "string"}}} for name in ("person", "human")]
    project, document = project_of(world, ada, labels)
    for _ in range(MANY):
        world.annotation(ada, document, start=0, end=5, label="person", attributes={"person": "1"})
    with pytest.raises(InvalidError, match=f"{MANY} marks do not fit 'human'") as caught:
        merge(world, ada, project, ["person"], "human")
    assert len(caught.value.errors) == 10
    assert "/attributes/person is no attribute of 'human'; the nearest is 'human'" in caught.value.errors[0].detail
    assert compared.whole == 10


def test_of_much_that_is_decided_and_cannot_be_the_first_is_told(world: World, ada: Actor, compared: Compared) -> None:
    """Labels that the project does not have are compared with its own for no more than that."""
    _, document = project_of(world, ada, [{"name": "person"}])
    wrong = Decided(value={"start": 0, "end": 5, "label": "persom"})
    draft = Adjudication(decided=[wrong] * MANY)
    new_ids = tuple(world.ids.new("ann") for _ in range(MANY))
    with pytest.raises(InvalidError) as caught:
        world.do(Adjudicate(actor=ada, operation="t", id=document, new_ids=new_ids, draft=draft))
    pointers = [error.pointer for error in caught.value.errors]
    assert pointers == [f"/decided/{place}/value/label" for place in range(10)]
    assert compared.whole == 10


def test_of_much_that_is_decided_in_no_form_the_first_is_told(world: World, ada: Actor) -> None:
    """As of what breaks a rule."""
    _, document = project_of(world, ada, [{"name": "person"}])
    draft = Adjudication(decided=[Decided(value={"labl": "person"})] * MANY)
    new_ids = tuple(world.ids.new("ann") for _ in range(MANY))
    with pytest.raises(InvalidError) as caught:
        world.do(Adjudicate(actor=ada, operation="t", id=document, new_ids=new_ids, draft=draft))
    assert len(caught.value.errors) == 10


def test_labels_that_are_merged_are_looked_at_once(world: World, ada: Actor, watched: type[Watched]) -> None:
    """Not once for each name that a role may have: a project has as many of both as fit into it."""
    names = [f"label {number}" for number in range(500)]
    labels = [{"name": name} for name in names]
    roles = [{"role": f"role {number}", "labels": names} for number in range(4)]
    project, _ = project_of(world, ada, [*labels, {"name": "lives-in", "arguments": roles}])
    merge(world, ada, project, [watched(name) for name in names[1:]], "label 0")
    after = world.value("project", project)["labels"]
    assert [label["name"] for label in after] == ["label 0", "lives-in"]
    assert all(role["labels"] == ["label 0"] for role in after[1]["arguments"])
    assert watched.asked <= 20 * 500
