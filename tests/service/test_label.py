"""Labels of a project: what is wrong with them, and where marks do not fit."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from service.kinds.label import AttributeSchema, Label, fits, mark_errors, schema_errors
from service.kinds.mark import Argument
from tests.service.conftest import Compared, Watched

LABELS = msgspec.convert(
    [
        {
            "name": "person",
            "types": ["span"],
            "color": "#ff8800",
            "attributes": {
                "certain": {"type": "boolean", "required": True},
                "age": {"type": "number"},
                "roles": {"type": "string", "values": ["author", "subject"], "multiple": True},
            },
        },
        {"name": "place"},
        {
            "name": "lives-in",
            "types": ["relation"],
            "arguments": [{"role": "who", "labels": ["person"], "required": True}, {"role": "where"}],
        },
    ],
    list[Label],
)
TARGETS = {"ann_1": "person", "ann_2": "place"}


class Made(msgspec.Struct):
    """A mark."""

    type: str = "span"
    label: str | None = "person"
    attributes: dict[str, Any] = msgspec.field(default_factory=lambda: {"certain": True})
    arguments: list[Argument] | None = None


def related(*arguments: tuple[str, str]) -> Made:
    """Return a relation."""
    made = [Argument(role=role, target=target) for role, target in arguments]
    return Made(type="relation", label="lives-in", attributes={}, arguments=made)


@pytest.mark.parametrize(
    "mark",
    [
        Made(),
        Made(attributes={"certain": False, "age": 3, "roles": ["author", "subject"]}),
        Made(attributes={"certain": False, "roles": "author"}),
        Made(label="place", type="region", attributes={}),
        related(("who", "ann_1"), ("where", "ann_2")),
        related(("who", "ann_1"), ("who", "ann_1")),
    ],
)
def test_a_mark_that_fits_has_no_errors(mark: Made) -> None:
    """Of a type that its label is for, with attributes and arguments as it says."""
    assert mark_errors(LABELS, mark, TARGETS.get) == []


@pytest.mark.parametrize(
    ("mark", "pointer", "detail"),
    [
        (Made(label="persom"), "/label", "the nearest is 'person'"),
        (Made(label=None), "/label", "missing"),
        (Made(label="person", type="region"), "/label", "is for marks of type span, this is one of region"),
        (Made(attributes={}), "/attributes/certain", "missing: 'person' needs it"),
        (Made(attributes={"certain": 1}), "/attributes/certain", "1 found, expected boolean"),
        (Made(attributes={"certain": True, "age": True}), "/attributes/age", "True found, expected number"),
        (Made(attributes={"certain": True, "age": [3]}), "/attributes/age", "a list found, expected one value"),
        (Made(attributes={"certain": True, "roles": ["king"]}), "/attributes/roles", "expected of"),
        (Made(attributes={"certain": True, "agee": 3}), "/attributes/agee", "the nearest is 'age'"),
        (related(("whom", "ann_1"), ("who", "ann_1")), "/arguments/0/role", "expected of who, where"),
        (related(("who", "ann_2")), "/arguments/0/target", "label 'place' found, expected of person"),
        (related(("where", "ann_2")), "/arguments", "needs the role 'who'"),
    ],
)
def test_a_mark_that_does_not_fit_is_told_where(mark: Made, pointer: str, detail: str) -> None:
    """And what would."""
    (error,) = mark_errors(LABELS, mark, TARGETS.get)
    assert error.pointer == pointer
    assert detail in error.detail


@pytest.mark.parametrize(
    ("labels", "pointer"),
    [
        ([{"name": "a"}, {"name": "b"}, {"name": "a"}], "/labels/2/name"),
        ([{"name": "a", "arguments": [{"role": "r"}, {"role": "r"}]}], "/labels/0/arguments"),
        ([{"name": "a", "attributes": {"x": {"type": "number", "values": [1, "2"]}}}], "/labels/0/attributes/x/values"),
    ],
)
def test_labels_that_contradict_themselves_are_refused(labels: list[Any], pointer: str) -> None:
    """Each place is named."""
    assert [error.pointer for error in schema_errors(msgspec.convert(labels, list[Label]))] == [pointer]


def test_of_much_that_does_not_fit_the_first_is_told(compared: Compared) -> None:
    """A mark may have more attributes than anybody wants to read of, and each is compared with those of the label."""
    names = {f"attribute {number}": {"type": "string"} for number in range(100)}
    (label,) = msgspec.convert([{"name": "person", "attributes": names}], list[Label])
    made = Made(attributes={f"atribute {number}": "1" for number in range(1000)})
    errors = mark_errors([label], made, TARGETS.get)
    assert [error.pointer for error in errors] == [f"/attributes/atribute {number}" for number in range(10)]
    assert (compared.letters, compared.whole) == (10 * 100, 10 * 10)


def test_of_many_arguments_that_do_not_fit_the_first_are_told() -> None:
    """Each names all roles that there are."""
    errors = mark_errors(LABELS, related(*[("whom", "ann_1")] * 1000), TARGETS.get)
    assert [error.pointer for error in errors] == [f"/arguments/{place}/role" for place in range(10)]


def test_a_long_name_of_an_attribute_is_not_repeated_whole() -> None:
    """It may be as long as a body."""
    (error,) = mark_errors(LABELS, Made(attributes={"certain": True, "x" * 100_000: 1}), TARGETS.get)
    assert len(error.pointer) < 120
    assert len(error.detail) < 200


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        (Made(), True),
        (Made(label="persom"), False),
        (Made(attributes={"certain": True, "agee": 3}), False),
        (related(("where", "ann_2")), False),
    ],
)
def test_whether_a_mark_fits_is_found_without_comparing_names(mark: Made, expected: bool, compared: Compared) -> None:
    """Nobody is told of it."""
    assert fits(LABELS, mark, TARGETS.get) is expected
    assert (compared.letters, compared.whole) == (0, 0)


def test_names_of_labels_are_looked_at_once(watched: type[Watched]) -> None:
    """Not once more for each label before: a project may have a thousand, and they are checked whenever it changes."""
    labels = [Label(name=watched(f"label {number}")) for number in range(1000)]
    assert schema_errors([*labels, labels[0]])[0].pointer == "/labels/1000/name"
    assert watched.asked <= 5 * 1000


@pytest.mark.parametrize(("number", "is_one"), [(999, True), (1000, False)])
def test_values_of_an_attribute_are_looked_at_once(watched: type[Watched], number: int, *, is_one: bool) -> None:
    """Not once for each value that a mark has of it: those may be as many as fit into its body."""
    values: list[Any] = [watched(f"value {number}") for number in range(1000)]
    label = Label(name="person", attributes={"of": AttributeSchema(type="string", values=values, multiple=True)})
    made = Made(attributes={"of": [f"value {other}" for other in (*range(999), number)]})
    assert fits([label], made, TARGETS.get) is is_one
    assert watched.asked <= 5 * 1000
