"""Simulated residents know who is inside, and what the incidents of the demo do is counted."""

import asyncio
import json
import time
from itertools import pairwise
from pathlib import Path

import pytest

import config
from monitor.app import load_site
from monitor.simulation import residents
from monitor.simulation.happened import Runs, come_back, go_home, truth
from monitor.simulation.incidents import DEMO
from monitor.simulation.residents import Residents
from monitor.simulation.stage import Speech, Stage
from monitor.simulation.stories import Stories
from monitor.simulation.world import World

SHIPPED = Path(config.__path__[0]) / "demo.yaml"


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A day in a second."""
    for name, seconds in (("_PASSAGE", 0.01), ("_REACHES_FOR_THE_DOOR", 0.001), ("STANDS_OPEN", 0.005)):
        monkeypatch.setattr(residents, name, seconds)


@pytest.fixture(scope="module")
def world() -> World:
    return World(load_site(SHIPPED).site)


class House:
    """The residents of the demo, and what its readers said."""

    def __init__(self) -> None:
        self.world = World(load_site(SHIPPED).site)
        self.said: list[tuple[str, dict[str, str]]] = []
        self._until = 0
        readers = [each for each in self.world.site.devices.values() if each.device_class == "access"]
        self.people = Residents(self.world, readers, {}, self._hear)

    def _hear(self, device: str, topic: str, body: bytes, speech: Speech) -> None:
        assert topic.startswith("doors/")
        assert speech == Speech()
        self.said.append((device, json.loads(body)))
        if len(self.said) == self._until:
            self.people.rest()

    async def live_until_said(self, messages: int) -> None:
        """Let them come and go until so many cards were held to readers, and all are through."""
        self._until = messages
        async with asyncio.timeout(30):
            await self.people.live(lambda: True)

    def inside(self) -> set[str]:
        """Who is inside, by what the readers said alone."""
        found: set[str] = set()
        for device, card in self.said:
            if card["access"] == "Always":
                (found.discard if device == "front-door-exit" else found.add)(card["uid"])
        return found


def test_who_went_in_and_has_not_come_out_is_inside() -> None:
    house = House()

    asyncio.run(house.live_until_said(40))

    assert house.people.inside == house.inside()
    granted = [card for _, card in house.said if card["access"] == "Always"]
    assert (house.people.granted, house.people.denied) == (len(granted), len(house.said) - len(granted))
    assert house.people.denied > 1
    assert {device for device, _ in house.said} == {"front-door-reader", "front-door-exit", "cellar-door-reader"}
    for card in {card["uid"] for card in granted}:
        ways = [device == "front-door-exit" for device, each in house.said if each["uid"] == card]
        assert ways[0] is False, "nobody leaves who has not come"
        assert all(one != other for one, other in pairwise(ways)), "in, out, in, out"


def test_who_rests_leaves_no_door_open_and_nobody_on_his_way() -> None:
    house = House()

    asyncio.run(house.live_until_said(5))

    assert house.world.overrides == {}
    assert not house.people.is_passing


def test_a_door_is_held_open_for_as_long_as_somebody_holds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(residents, "_LOOK_EVERY", 2.0)
    house = House()
    looks = []

    async def look(seconds: float) -> None:
        looks.append(seconds)
        if looks.count(2.0) == 5:
            house.world.held.clear()
        await asyncio.get_running_loop().run_in_executor(None, lambda: None)

    house.world.held |= {"front-door", "cellar-door"}
    monkeypatch.setattr("monitor.simulation.residents.asyncio.sleep", look)
    living = house.people.live(lambda: not house.people.held)  # afterwards nobody passes any more

    async def live() -> None:
        task = asyncio.create_task(living)
        while not house.people.held or house.people.is_passing:
            await asyncio.get_running_loop().run_in_executor(None, lambda: None)
        house.people.rest()
        await task

    asyncio.run(live())

    assert house.people.held == 1, "once for one opening, when it was too long"


def test_a_sticking_door_stands_open_for_as_long_as_its_story_says(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    begin = round((time.time() - 20 * 86_400) * 1000)  # it is the day before the closer is mended
    house.world.stories = Stories(house.world.site, begin)
    looks: list[float] = []

    async def look(seconds: float) -> None:
        looks.append(seconds)
        await asyncio.get_running_loop().run_in_executor(None, lambda: None)

    monkeypatch.setattr("monitor.simulation.residents.asyncio.sleep", look)
    asyncio.run(house.live_until_said(60))

    assert house.people.held == sum(stood > 10.5 for stood in looks) > 0
    assert max(looks) > 20.0


def test_who_was_inside_is_inside_the_next_time_and_no_card_is_written_down(tmp_path: Path) -> None:
    house, next_time, file = House(), House(), tmp_path / "residents.json"
    asyncio.run(house.live_until_said(7))
    assert house.people.inside

    go_home(file, {"broker": house.people})
    come_back(file, {"broker": next_time.people})
    come_back(tmp_path / "none.json", {"broker": next_time.people})

    assert next_time.people.inside == house.people.inside
    assert not any(card in file.read_text("utf-8") for card in house.people.inside)


def _runs(world: World, at: float) -> dict[str, bool]:
    """Which pumps run when the script of the demo has come so far (s)."""
    stage = Stage(world, {}, {})
    for incident in DEMO:
        if incident.name.startswith(("water is drawn", "the booster pump")):
            (incident.begin if incident.at <= at < incident.at + incident.lasts else incident.end)(stage)
    pumps = ("booster-pump", "booster-pump-2")
    return {pump: bool(world.values(world.site.devices[pump], at)["running"]) for pump in pumps}


def test_the_standby_pump_runs_while_the_other_one_has_tripped(world: World) -> None:
    seen = {at: tuple(_runs(world, at).values()) for at in (0, 5, 27, 29, 41, 43, 51)}

    assert seen == {
        0: (False, False),
        5: (True, False),
        27: (True, False),
        29: (False, True),
        41: (False, True),
        43: (True, False),
        51: (False, False),
    }


def test_running_is_counted_as_it_was_shown(world: World) -> None:
    runs = Runs(world)
    for quarter in range(4 * 60):
        _runs(world, quarter / 4)
        runs.look(quarter / 4)

    assert runs.seconds == {"booster-pump": 32.0, "booster-pump-2": 14.0}
    assert runs.starts == {"booster-pump": 2, "booster-pump-2": 1}
    told = truth([], runs, Stage(world, {}, {}).happened)
    assert told["running_s"] == runs.seconds
    assert told["doors"] == {"forced": 0, "held": 0}
    assert {each.counts for each in DEMO} == {"", "forced", "interruptions"}
