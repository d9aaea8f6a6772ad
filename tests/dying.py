"""Consumers that die at any instant: around what they keep and what they tell, or whenever somebody kills them."""

import asyncio
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, Final, TypeVar

from tests.end_to_end.daemon import until

__all__ = ["MOMENTS", "Death", "Die", "be_killed", "doom", "killed_and_undisturbed"]

MOMENTS: Final = ("before it is kept", "when it is kept", "before it is told", "when it is told")
"""What a consumer can be about when it dies: its transaction in the store, or the feeder's append and delete."""

T = TypeVar("T")
Die = Callable[[], Awaitable[None]]


async def be_killed() -> None:
    """End this process as a SIGKILL does."""
    os.kill(os.getpid(), signal.SIGKILL)


class Death:
    """A death that leaves the process alive: whoever dies goes no further, and is to be cancelled."""

    def __init__(self) -> None:
        self._has_come = asyncio.Event()

    async def __call__(self) -> None:
        self._has_come.set()
        await asyncio.Event().wait()

    async def comes_within(self, seconds: float) -> bool:
        """Wait for it; answers whether it has come."""
        try:
            async with asyncio.timeout(seconds):
                await self._has_come.wait()
        except TimeoutError:
            pass
        return self._has_come.is_set()


class _Dying:
    """Stands before a store or a journal, and dies before or after its n-th use."""

    def __init__(self, inner: Any, name: str, uses: int, *, after: bool, die: Die) -> None:
        self._inner, self._name, self._left, self._after, self._die = inner, name, uses, after, die

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return self._counted(found) if name == self._name else found

    def _counted(self, do: Any) -> Any:
        async def counted(*words: Any) -> Any:
            self._left -= 1
            if self._left == 0 and not self._after:
                await self._die()
            answer = await do(*words)
            if self._left == 0:
                await self._die()
            return answer

        return counted


def doom(
    consumer: Any, feeder: Any, moment: str, uses: int, *, store: str = "_store", die: Die = be_killed
) -> None:
    """Let it die at one of the moments, when it comes to it for the n-th time; at none of them: not of its own.

    `store` names the consumer's attribute with the store that it keeps its state in.
    """
    if moment not in MOMENTS:
        return
    after = moment in ("when it is kept", "when it is told")
    owner, attribute, does = (
        (consumer, store, "transact") if moment.endswith("kept") else (feeder, "_journal", "append")
    )
    setattr(owner, attribute, _Dying(getattr(owner, attribute), does, uses, after=after, die=die))


def killed_and_undisturbed(
    live: Callable[[Path, int, str], None],
    finish: Callable[[Path], Coroutine[Any, Any, T]],
    folder: Path,
    *,
    kills: int,
    longest: float,
) -> tuple[T, T, int]:
    """Answer what `finish` finds after many kills, what it finds after none, and the seed of the kills.

    `live` is run in processes of its own, of which every second one dies of its own at a moment. It is given a
    folder, a seed and the moment, touches `alive` in the folder once it lives, and must not end by itself;
    whatever lives longer than `longest` (s) is killed from outside.
    """
    seed = random.randrange(10_000)
    killed, undisturbed = folder / "killed", folder / "undisturbed"
    killed.mkdir()
    undisturbed.mkdir()
    _kill(live, killed, seed, kills=kills, longest=longest)
    return asyncio.run(finish(killed)), asyncio.run(finish(undisturbed)), seed


def _kill(live: Callable[[Path, int, str], None], folder: Path, seed: int, *, kills: int, longest: float) -> None:
    dice = random.Random(seed)
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([live.__module__])
    for number in range(kills):
        moment = MOMENTS[number // 2 % len(MOMENTS)] if number % 2 else ""
        (folder / "alive").unlink(missing_ok=True)
        child = processes.Process(target=live, args=(folder, dice.randrange(10_000), moment))
        child.start()
        until((folder / "alive").exists, "it lives")
        if moment:
            child.join(2 * longest)  # where it has nothing more to do it does not die by itself
        else:
            time.sleep(dice.uniform(0.0, longest))
        child.kill()
        child.join(60)
        assert child.exitcode == -signal.SIGKILL, (seed, number, moment)
