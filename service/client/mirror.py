"""The async client as those see it who wait: no method is written twice, what a call returns decides.

What is awaitable is waited for. An async iterator becomes an iterator, an async context manager a context manager, and
an object with async methods a mirror of it; anything else is itself.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Generator, Iterable, Iterator
from pathlib import PurePath
from types import TracebackType
from typing import Any

from service.client.loop_thread import LoopThread
from service.client.pulling import Pulled, pulled

_END = object()


class Mirror:
    """An object with async methods, as one with others.

    Args:
        target: The object.
        loop: Where it lives.
    """

    # So that an attribute which is set is refused here, as it is there.
    __slots__ = ("_loop", "_target")

    def __init__(self, target: Any, loop: LoopThread) -> None:
        self._target = target
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        value = getattr(self._target, name)
        return _waiting(value, self._loop) if inspect.ismethod(value) else mirrored(value, self._loop)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(name for name in dir(self._target) if not name.startswith("_"))]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._target!r}>"


class MirroredIterable(Mirror):
    """One that can be gone through, perhaps again."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        return _items(aiter(self._target), self._loop)


class MirroredContext(Mirror):
    """One for a block of ``with``."""

    __slots__ = ()

    def __enter__(self) -> Any:
        return mirrored(self._loop.run(self._target.__aenter__), self._loop)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        is_handled: bool | None = self._loop.run(lambda: self._target.__aexit__(kind, error, traceback))
        return is_handled


def mirrored(value: Any, loop: LoopThread) -> Any:
    """Return a value as those see it who wait."""
    kind = type(value)
    if issubclass(kind, AsyncIterator):
        return _items(value, loop)
    if issubclass(kind, AsyncIterable):
        return MirroredIterable(value, loop)
    if hasattr(kind, "__aenter__"):
        return MirroredContext(value, loop)
    return Mirror(value, loop) if is_asynchronous(type(value)) else value  # type: ignore[arg-type]  # classes are hashable


@functools.cache
def is_asynchronous(kind: type) -> bool:
    """Tell if a class has public methods that do not wait."""
    members = (getattr(kind, name, None) for name in dir(kind) if not name.startswith("_"))
    return any(inspect.iscoroutinefunction(one) or inspect.isasyncgenfunction(one) for one in members)


def _waiting(method: Callable[..., Any], loop: LoopThread) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(*arguments: Any, **named: Any) -> Any:
        given, options = _given(method, arguments, named, loop)

        async def outcome() -> Any:
            found = method(*given, **options)
            return await found if isinstance(found, Awaitable) else found

        return mirrored(loop.run(outcome), loop)

    return call


def _items(iterator: AsyncIterator[Any], loop: LoopThread) -> Generator[Any, None, None]:
    try:
        while (item := loop.run(lambda: _next(iterator))) is not _END:
            yield item
    finally:
        if hasattr(iterator, "aclose"):
            # Not waited for: a generator that nobody wants any more ends in whatever thread that is noticed in.
            loop.leave(iterator.aclose)


async def _next(iterator: AsyncIterator[Any]) -> Any:
    return await anext(iterator, _END)


def _given(
    method: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any], loop: LoopThread
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of a call, those that are gone through as what can be gone through without waiting."""
    streams = _streams(getattr(method, "__func__", method))
    if not streams:
        return arguments, named
    bound = inspect.signature(method).bind(*arguments, **named)
    for name, takes_lists in streams.items():
        value = bound.arguments.get(name)
        if isinstance(value, Mirror) and value._loop is loop:  # noqa: SLF001 - it is one of these
            bound.arguments[name] = value._target  # noqa: SLF001
        elif isinstance(value, list | tuple) and takes_lists:
            continue
        elif isinstance(value, Iterable) and not isinstance(value, bytes | bytearray | str | PurePath):
            bound.arguments[name] = pulled(value) if isinstance(value, Iterator) else Pulled(value)
    return bound.args, bound.kwargs


@functools.cache
def _streams(function: Callable[..., Any]) -> dict[str, bool]:
    """Return the parameters that take an async iterable, and if they take a list as well."""
    found: dict[str, bool] = {}
    for name, hint in typing.get_type_hints(function).items():
        origins = [typing.get_origin(hint), *(typing.get_origin(one) for one in typing.get_args(hint))]
        if name != "return" and AsyncIterable in origins:
            found[name] = Iterable in origins
    return found
