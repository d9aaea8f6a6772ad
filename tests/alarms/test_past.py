"""What figures are made of, read from a state that the live shell has written."""

from pathlib import Path

from monitor.alarms.past import Past
from monitor.journal.state import State
from tests.trials.past import BEGIN, END, load, recorded

_HOUR = 3_600_000


async def test_the_past_is_what_the_shell_had_kept(tmp_path: Path) -> None:
    _, site = load(tmp_path)
    steps = await recorded(tmp_path, site)
    state = State.open(tmp_path / "state.db")

    found = await Past(state).record(BEGIN, END + 1)

    raised = {one["occurrence"]: one["time"] for one in steps if one["cause"] == "raised"}
    cleared = {one["occurrence"]: one["time"] for one in steps if one["cause"] == "cleared"}
    acknowledged = {one["occurrence"]: one["time"] for one in steps if one["cause"] == "acknowledged"}
    assert {one.occurrence: one.raised for one in found.episodes} == raised
    for one in found.episodes:
        assert one.cleared == (one.raised if one.momentary else cleared.get(one.occurrence))
        assert one.acknowledged == acknowledged.get(one.occurrence)
        assert one.severity == {"low": "high", "dead": "medium", "forced": "high"}[one.rule]
    assert any(one.momentary for one in found.episodes)
    assert any(one.acknowledged for one in found.episodes)
    await state.close()


async def test_a_part_has_what_was_active_in_it_and_only_messages_that_went_out(tmp_path: Path) -> None:
    _, site = load(tmp_path)
    await recorded(tmp_path, site)
    state = State.open(tmp_path / "state.db")
    whole = await Past(state).record(BEGIN, END)
    start, end = BEGIN + 3 * _HOUR, BEGIN + 6 * _HOUR
    at = start + _HOUR
    await state.transact(
        lambda db: db.execute(
            "UPDATE outbox SET state = CASE id % 3 WHEN 0 THEN 'sent' WHEN 1 THEN 'dead' ELSE 'unknown' END,"
            " sent_at = CASE id % 3 WHEN 0 THEN ? END, next_at = ?",
            (at, at),
        )
    )
    rows = await state.query("SELECT person FROM outbox WHERE state <> 'dead'")

    part = await Past(state).record(start, end)

    assert whole.messages == []
    assert {one.occurrence for one in part.episodes} == {
        one.occurrence
        for one in whole.episodes
        if one.raised < end
        and (
            one.raised >= start - 600_000
            or (not one.momentary and (one.cleared is None or one.cleared > start - 600_000))
        )
    }
    assert sorted(one.person for one in part.messages) == sorted(row["person"] for row in rows)
    assert len(part.messages) > 10
    assert (await Past(state).record(start, at)).messages == []
    await state.close()
