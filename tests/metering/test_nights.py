"""What flows at night is told of a day: the least mean of an hour between one and five o'clock."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from monitor.model import Reading
from monitor.periods import HOUR, QUARTER
from tests.metering.ledgers import meter, ms, site_of
from tests.metering.plants import plant, reading
from tests.metering.test_rollup import BERLIN, every, told


def litres(
    device: str, day: str, flows: Mapping[int, float], until: int = 24, *, gap: range = range(0)
) -> list[Reading]:
    """A water meter of a day, read each quarter; what flows in each hour (m3/h), else half a cubic metre."""
    start, total, said = ms(day, BERLIN), 50.0, []
    for quarter in range(until * 4 + 1):
        if quarter not in gap:
            said.append(reading(device, start + quarter * QUARTER, {"volume_m3": round(total, 6)}))
        total += flows.get(quarter // 4, 0.5) / 4
    return said


async def nights(folder: Path, *said: Reading, **keys: Any) -> list[float | None]:
    """The least hour of the night of each day of the meter `main`."""
    device = meter("main", **({"device_class": "water", "every": 900.0, "role": "main"} | keys))
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240 - a folder of the test
    async with plant(folder, site_of(device), lambda: said[-1].time + HOUR) as made:
        await made.keep(*said)
        await made.settle()
        return [each.get("night_m3h") for each in (await told(made, "main", "daily")).values()]


async def test_the_night_is_the_least_hour_between_one_and_five(tmp_path: Path) -> None:
    flows = {0: 0.0, 1: 0.4, 2: 0.03, 3: 0.05, 4: 0.4, 5: 0.0, 13: 0.0}

    assert await nights(tmp_path, *litres("main", "2026-11-11", flows)) == [pytest.approx(0.03)]


async def test_the_nights_in_which_the_clock_is_set_have_their_hours(tmp_path: Path) -> None:
    """In autumn there are five hours, in spring three."""
    autumn = await nights(tmp_path / "a", *litres("main", "2026-10-25", {5: 0.02, 6: 0.0}))
    spring = await nights(tmp_path / "s", *litres("main", "2026-03-29", {3: 0.02, 4: 0.0}))

    assert autumn[0] == pytest.approx(0.02)
    assert spring[0] == pytest.approx(0.02)


async def test_a_night_that_runs_or_was_not_heard_is_not_told(tmp_path: Path) -> None:
    assert await nights(tmp_path / "runs", *litres("main", "2026-11-11", {}, until=4)) == [None]
    assert (await nights(tmp_path / "gap", *litres("main", "2026-11-11", {}, gap=range(9, 13))))[0] is None
    seldom = [each for each in litres("main", "2026-11-11", {}) if each.time % HOUR == 0]
    assert set(await nights(tmp_path / "seldom", *seldom, every=3600.0)) == {None}
    power = every("main", ms("2026-11-11", BERLIN), ms("2026-11-12", BERLIN), 1.0)
    assert set(await nights(tmp_path / "power", *power, device_class="electricity")) == {None}
