"""Work on a store that has to be done: tried again and again until the disk takes it."""

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Final, TypeVar

from monitor.errors import JournalError
from monitor.journal.state import State

__all__ = ["insist"]

T = TypeVar("T")

_AFTER_FAILURE: Final = 1.0


async def insist(
    store: State,
    work: Callable[[sqlite3.Connection], T],
    *,
    failed: Callable[[str], None],
    again: Callable[[], None] = lambda: None,
) -> T:
    """Do `work` in one transaction, each second anew until it is done; answers what it answered.

    `failed` is called once, with the reason, when the store does not take it; `again` once when it does again.
    """
    is_failing = False
    while True:
        try:
            answer = await store.transact(work)
            break
        except JournalError as error:
            if not is_failing:
                failed(str(error))
            is_failing = True
            await asyncio.sleep(_AFTER_FAILURE)
    if is_failing:
        again()
    return answer
