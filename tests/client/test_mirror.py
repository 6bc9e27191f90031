"""What a call returns decides how it is shown, and what a parameter takes how an argument is given."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from service.client.loop_thread import LoopThread
from service.client.mirror import Mirror


class Again:
    """Can be gone through again."""

    def __aiter__(self) -> AsyncIterator[int]:
        """Return numbers."""
        return numbers(2)


class Block:
    """An async context manager that notes how its block ends, and goes on after a KeyError."""

    def __init__(self) -> None:
        self.kinds: list[type[BaseException] | None] = []

    async def __aenter__(self) -> Again:
        return Again()

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        self.kinds.append(kind)
        return kind is KeyError


class Target:
    """An object with async methods."""

    plain = 3

    def __init__(self) -> None:
        self.closed = threading.Event()
        self.given: AsyncGenerator[int, None] | None = None

    def now(self, value: int, *, more: int = 0) -> int:
        """Return without waiting."""
        return value + more

    async def later(self) -> Target:
        """Return another one, after a wait."""
        return Target()

    def again(self) -> Again:
        """Return what can be gone through again."""
        return Again()

    def block(self) -> Block:
        """Return what is for a block."""
        return Block()

    def numbers(self) -> AsyncGenerator[int, None]:
        """Return a generator, and keep it."""
        self.given = self._numbers()
        return self.given

    async def _numbers(self) -> AsyncGenerator[int, None]:
        try:
            async for number in numbers(1000):
                yield number
        finally:
            self.closed.set()

    async def take(self, source: AsyncIterable[int] | bytes | Path) -> Any:
        """Return what comes of going through it twice, or its type."""
        if isinstance(source, bytes | Path):
            return type(source)
        return [[item async for item in source] for _ in range(2)]

    async def take_either(self, source: AsyncIterable[int] | Iterable[int]) -> type:
        """Return how it was given."""
        return type(source)

    async def take_plain(self, values: Iterable[int]) -> type:
        """Return how they were given."""
        return type(values)


async def numbers(count: int) -> AsyncGenerator[int, None]:
    """Yield numbers."""
    for number in range(count):
        yield number


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    """Give a loop in a thread."""
    loop = LoopThread()
    yield loop

    async def nothing() -> None:
        pass

    loop.close(nothing)


@pytest.fixture
def target() -> Target:
    """Return what is mirrored."""
    return Target()


@pytest.fixture
def mirror(target: Target, loop: LoopThread) -> Any:
    """Return a mirror."""
    return Mirror(target, loop)


def test_what_a_call_returns_decides(mirror: Any) -> None:
    """Values as they are, what is awaited, iterators, what can be gone through again, other mirrors."""
    assert (mirror.plain, mirror.now(1, more=2)) == (3, 3)
    assert isinstance(mirror.later(), Mirror)
    assert mirror.later().later().now(5) == 5
    assert list(mirror.numbers()) == list(range(1000))
    again = mirror.again()
    assert [list(again), list(again)] == [[0, 1], [0, 1]]


def test_a_block_ends_as_it_does_in_the_async_one(mirror: Any) -> None:
    """It is told of the error, and decides if that goes on; what it gives is shown too."""
    block = mirror.block()
    with block as again:
        assert list(again) == [0, 1]
    block.__enter__()
    assert block.__exit__(KeyError, KeyError(), None)
    with pytest.raises(ValueError, match="goes on"), block:
        raise ValueError("goes on")
    assert block.kinds == [None, KeyError, ValueError]


def test_an_iterator_that_is_left_is_closed(mirror: Any, target: Target) -> None:
    """Though somebody still holds the async one."""
    items = mirror.numbers()
    assert [next(items), next(items)] == [0, 1]
    items.close()
    assert target.given is not None
    assert target.closed.wait(10)


def test_what_is_gone_through_is_given_as_the_parameter_takes_it(mirror: Any, loop: LoopThread) -> None:
    """Iterables can be gone through again, iterators once; bytes, paths and lists are what they are where they may."""
    assert mirror.take([1, 2]) == [[1, 2], [1, 2]]
    assert mirror.take(source=iter([1, 2])) == [[1, 2], []]
    assert mirror.take(range(2)) == [[0, 1], [0, 1]]
    assert [mirror.take(b"ab"), issubclass(mirror.take(Path("a")), Path)] == [bytes, True]
    assert [mirror.take_either(value).__name__ for value in ([1], (1,), {1})] == ["list", "tuple", "Pulled"]
    assert mirror.take_plain({1}) is set
    assert mirror.take_either(mirror.again()) is Again
    other = LoopThread()
    try:
        assert mirror.take(Mirror(Target(), other).again()) == [[0, 1], [0, 1]]
    finally:
        other.close(Target().later)


def test_a_wrong_call_is_the_error_that_it_is(mirror: Any) -> None:
    """As of any function."""
    for name, arguments in (("now", ()), ("take", ()), ("take", ([1], 2))):
        with pytest.raises(TypeError):
            getattr(mirror, name)(*arguments)
    with pytest.raises(AttributeError, match="nothing"):
        mirror.nothing()
    with pytest.raises(AttributeError, match="_numbers"):
        mirror._numbers()
