"""Three days of stories that are filled in, the hour that is put back among them, as the daemon keeps them."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from monitor.app import load_site
from monitor.app.seeding import MARK, Month, month_of, seed, stories_of
from monitor.cli.demo import MOST_DAYS
from monitor.cli.used import what_was_used
from monitor.errors import SettingsError
from monitor.journal.codec import decode
from monitor.meters import billed_counter
from monitor.model import Command, Derived, Entry, Event, Reading
from monitor.periods import DAY
from monitor.schema import MEASUREMENT_HEALTH, MEASUREMENT_OCCUPANCY, MEASUREMENT_USAGE, MONITOR_DEVICE
from monitor.simulation.stories import Stories
from monitor.simulation.truth import Truth
from monitor.simulation.world import World
from monitor.site import Site
from tests.metering.ledgers import ms
from tests.metering.wire import DEMO

BEGIN, END, STORIES = (ms(f"{day} 00:00", "Europe/Berlin") for day in ("2026-10-24", "2026-10-27", "2026-10-11"))
HOUR, MINUTE, SECOND = 3_600_000, 60_000, 1000


@dataclass
class Filled:
    """Days that were filled in: `entries` as (recorded, entry), in the order of the journal."""

    folder: Path
    site: Site
    month: Month
    stories: Stories
    entries: list[tuple[int, Entry]]

    def begin_of(self, story: str) -> int:
        """When a story begins."""
        found = self.stories.story(story)
        assert found is not None
        return found.begin

    def rows(self, query: str) -> list[sqlite3.Row]:
        """Ask state.db."""
        with closing(sqlite3.connect(self.folder / "state.db")) as state:
            state.row_factory = sqlite3.Row
            return state.execute(query).fetchall()


def fill(folder: Path, begin: int, end: int) -> Filled:
    """Fill in some days of the stories' month."""
    site = load_site(DEMO).site
    month = seed(site, folder, begin=begin, stories=STORIES, end=lambda: end)
    with closing(sqlite3.connect(folder / "journal.db")) as journal:
        rows = journal.execute("SELECT recorded, kind, body FROM entries ORDER BY position").fetchall()
    entries = [(recorded, decode(kind, body)) for recorded, kind, body in rows]
    stories = stories_of(folder, site)
    assert stories is not None
    return Filled(folder, site, month, stories, entries)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """The 14th to the 16th day of the stories."""
    return fill(tmp_path_factory.mktemp("filled"), BEGIN, END)


def of(filled: Filled, kind: type, /, **facts: Any) -> list[Any]:
    """Entries of a kind with these facts."""
    return [
        entry
        for _, entry in filled.entries
        if type(entry) is kind and all(getattr(entry, name) == value for name, value in facts.items())
    ]


def test_all_that_speaks_is_heard_every_five_minutes_and_counted(filled: Filled) -> None:
    regular = [each for each in filled.site.devices.values() if each.scan or each.expected_every]
    heard = Counter(each.device for each in of(filled, Reading))
    health = Counter(each.device for each in of(filled, Derived, measurement=MEASUREMENT_HEALTH))

    assert all(heard[each.id] >= (END - BEGIN) // (5 * MINUTE) for each in regular)
    assert {health[each.id] for each in regular} <= {72 * 12 + 12, 72 * 12 + 11, 72 * 12 + 10}
    assert heard["front-door"] > 300
    assert filled.month.counts["readings"] == len(of(filled, Reading))
    assert (filled.month.begin, filled.month.stories) == (BEGIN, STORIES)


def test_entries_lie_in_the_order_of_their_arrival_and_are_stamped_by_the_clock_of_the_past(
    filled: Filled,
) -> None:
    stamps = [recorded for recorded, _ in filled.entries]
    delays = [recorded - each.arrived for recorded, each in filled.entries if type(each) is Reading]

    assert stamps == sorted(stamps)
    assert BEGIN <= stamps[0] <= BEGIN + 5 * MINUTE
    assert END - 5 * MINUTE <= stamps[-1] <= END + MINUTE
    assert set(delays) == {0}


def test_what_is_told_of_every_hour_is_what_the_meters_truly_counted(filled: Filled) -> None:
    world = World(filled.site, stories=filled.stories)
    told: dict[tuple[str, int], Mapping[str, Any]] = {
        (each.device, each.time): each.values
        for each in of(filled, Derived, measurement=MEASUREMENT_USAGE["hour"])
    }
    wrong, looked = [], 0
    for device in filled.site.devices.values():
        point = billed_counter(device)
        if point is None or not device.connection or device.id == "shop-electricity":
            continue
        truth = Truth(world, device)
        for start in range(BEGIN, END - HOUR, HOUR):
            values, looked = told[device.id, start], looked + 1
            true = truth.register(point, (start + HOUR) / 1000) - truth.register(point, start / 1000)
            if abs(float(values["amount"]) - true) > 1e-6 or values["partial_i"]:
                wrong.append((device.id, start, values, true))

    assert not wrong
    assert looked > 500


def test_every_counter_agrees_with_its_meter_also_with_the_one_that_was_replaced(filled: Filled) -> None:
    with (
        closing(sqlite3.connect(filled.folder / "ledger.db")) as ledger,
        closing(sqlite3.connect(filled.folder / "journal.db")) as journal,
    ):
        ledger.row_factory = journal.row_factory = sqlite3.Row
        used = {
            (each["device"], each["point"]): each
            for each in what_was_used(ledger, journal, filled.site, filled.stories)
        }

    billed = {key: each for key, each in used.items() if key[1] == billed_counter(filled.site.devices[key[0]])}
    assert len(billed) == 9
    assert all(each["true"] is not None and abs(each["difference"]) < 1e-6 for each in billed.values())


def test_the_caretaker_tells_of_the_new_meter_some_hours_later_as_anybody_would(filled: Filled) -> None:
    (swap,) = filled.stories.swaps
    (command,) = of(filled, Command, kind="meter_replace")
    truth = Truth(World(filled.site, stories=filled.stories), filled.site.devices[swap.device])

    assert (command.target, command.by) == (swap.device, "caretaker")
    assert truth.swap("energy_import_kwh") == (
        command.arguments["at"],
        command.arguments["final"],
        command.arguments["start"],
    )
    assert 2 * HOUR < command.time - swap.at < 4 * HOUR
    assert {each.kind for each in of(filled, Event, device=swap.device)} >= {"meter_replaced"}


def test_alarms_of_stories_are_raised_when_they_happen_and_somebody_sees_to_them(filled: Filled) -> None:
    trip = filled.begin_of("pump-trip")
    alarms = {
        each["rule"]: each
        for each in filled.rows("SELECT * FROM alarm WHERE rule IN ('took-over', 'equipment-fault')")
    }

    assert set(alarms) == {"took-over", "equipment-fault"}
    for each in alarms.values():
        assert trip <= each["raised_at"] <= trip + 10 * SECOND
        assert MINUTE < each["acknowledged_at"] - each["raised_at"] < DAY + HOUR
        assert each["acknowledged_by"] == "caretaker"
    held = filled.rows("SELECT * FROM alarm WHERE rule = 'door-held-open' AND device = 'front-door'")
    assert 8 < len(held) < 40
    assert sum(each["response"] == "none" for each in held) > len(held) / 2


def test_nobody_is_told_of_the_past(filled: Filled) -> None:
    assert filled.rows("SELECT * FROM outbox") == []
    assert filled.rows("SELECT * FROM produced") == []
    assert filled.rows("SELECT * FROM unfed") == []


def test_who_is_in_at_the_end_is_so_for_the_monitor_and_in_the_simulated_house(filled: Filled) -> None:
    told = {
        each.device: each.values
        for each in of(filled, Derived, producer="access")
        if each.measurement == MEASUREMENT_OCCUPANCY
    }
    at_home = json.loads((filled.folder / "residents.json").read_text("utf-8"))

    assert [each["count"] for each in told.values()] == [len(at_home["broker"])]
    assert len(at_home["broker"]) > 20


def test_the_same_beginning_gives_the_same_past(tmp_path: Path) -> None:
    def told(folder: Path) -> Iterator[str]:
        folder.mkdir()
        for recorded, entry in fill(folder, BEGIN + 7 * HOUR, BEGIN + 10 * HOUR).entries:
            if not isinstance(entry, Event) and getattr(entry, "device", "") != MONITOR_DEVICE:
                yield f"{recorded} {entry}"

    one, two = (sorted(told(tmp_path / name)) for name in ("one", "two"))

    assert len(one) > 1000
    assert one == two


def test_the_journal_of_the_demo_keeps_the_longest_past_there_is() -> None:
    assert load_site(DEMO).site.journal.keep >= (MOST_DAYS + 1) * DAY / 1000


def test_a_folder_of_a_demo_without_a_past_is_refused_and_not_touched(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"precious")

    with pytest.raises(SettingsError, match=r"journal\.db.*nothing in it is touched"):
        seed(load_site(DEMO).site, tmp_path, begin=BEGIN, stories=STORIES, end=lambda: END)

    assert [path.name for path in tmp_path.iterdir()] == ["journal.db"]
    assert (tmp_path / "journal.db").read_bytes() == b"precious"
    assert month_of(tmp_path) is None


def test_files_that_were_on_their_way_to_their_places_get_there_at_the_next_look(tmp_path: Path) -> None:
    place = tmp_path / "seeding"
    place.mkdir()
    (tmp_path / "journal.db").write_bytes(b"there")
    (place / "state.db").write_bytes(b"on its way")
    (place / MARK).write_text('{"begin": 1, "end": 2, "stories": 3, "counts": {}}', "utf-8")

    month = month_of(tmp_path)

    assert month == Month(begin=1, end=2, stories=3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["journal.db", MARK, "state.db"]
