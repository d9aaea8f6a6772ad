"""What the engine remembers, written and read back."""

import math
from pathlib import Path
from typing import Any

from monitor.alarms import keep
from monitor.journal.state import State
from rules.effects import Row


async def test_memory_comes_back_as_it_was_given(state: State) -> None:
    bodies: list[dict[str, Any]] = [
        {"points": {"power_w": 1}, "judges": {"low/meter": {"last": None, "least": math.inf, "most": -math.inf}}},
        {"text": "Zähler \u2028 1", "many": [1.5, 2**70, True], "deep": {"a": {"b": []}}},
        {"last": 1_795_378_523_000, "told": False},
    ]
    rows = [Row(area="device", key=f"m-{number}", body=body) for number, body in enumerate(bodies)]

    await state.transact(lambda db: keep.write_memory(db, rows))
    kept = await state.transact(keep.read_memory)

    assert [one.body for one in kept] == bodies


async def test_what_is_forgotten_is_gone_and_may_come_again(state: State, tmp_path: Path) -> None:
    def row(key: str, *, there: bool) -> Row:
        return Row(area="alarm", key=key, body={"at": str(tmp_path)} if there else None)

    await state.transact(lambda db: keep.write_memory(db, [row("a", there=True), row("b", there=True)]))
    again = [row("a", there=False), row("b", there=False), row("b", there=True)]
    await state.transact(lambda db: keep.write_memory(db, again))

    assert [one.key for one in await state.transact(keep.read_memory)] == ["b"]
