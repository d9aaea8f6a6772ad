"""Doing one thing after the other, where what is refused depends on what others do at the same moment."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

__all__ = ["one_by_one"]

P = ParamSpec("P")
T = TypeVar("T")


class _InTurns(Protocol):
    changing: asyncio.Lock


S = TypeVar("S", bound=_InTurns)


def one_by_one(
    work: Callable[Concatenate[S, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
    """Do no two of these at once; none of them may call another."""

    @wraps(work)
    async def alone(self: S, /, *arguments: P.args, **named: P.kwargs) -> T:
        async with self.changing:
            return await work(self, *arguments, **named)

    return alone
