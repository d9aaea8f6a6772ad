"""Rules over what an InfluxDB has: written there by the sink, judged as it is judged out of the journal."""

import random
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from monitor.app import load_site
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Derived, Entry, Event, Quality, Reading
from monitor.ports import Batch
from monitor.sinks.influxdb import InfluxSink
from monitor.site import InfluxSettings, JournalSettings, Site
from monitor.trials.backtest import Result, Variant, Wish, backtest
from monitor.trials.influx import InfluxHistory
from tests.cli.running import within
from tests.clock import ManualClock
from tests.sinks.test_runner import a_runner, running, until
from tests.trials.past import BEGIN

Make = Callable[..., InfluxSettings]

MINUTE, HOUR = 60_000, 3_600_000
END = BEGIN + 12 * HOUR
SITE = """\
site: {id: house, name: House, timezone: Europe/Berlin}
connections:
  - {id: plant, modbus: {transport: tcp, host: 127.0.0.1}}
  - {id: broker, mqtt: {url: "mqtt://127.0.0.1"}}
devices:
  - {id: main, connection: plant, unit: 1, every: 1 min, class: electricity,
      points: {voltage_v: {register: holding 0, type: uint16, unit: V},
               energy_import_kwh: {register: holding 2, type: float32, unit: kWh}}}
  - {id: shop, connection: plant, unit: 2, every: 1 min, class: electricity,
      points: {voltage_v: {register: holding 0, type: uint16, unit: V}}}
  - {id: door, profile: aqara-mccgq11lm, connection: broker, topic: zigbee/door}
rules:
  - {id: low, kind: threshold, point: voltage_v, below: 207 V, on_delay: 2 min, severity: high}
  - {id: band, kind: range, point: voltage_v, low: 198 V, high: 240 V}
  - {id: dead, kind: offline, devices: {class: electricity}}
  - {id: old, kind: stale, devices: {class: electricity}}
  - {id: forced, kind: event, event: forced, severity: high}
  - {id: tamper, kind: event, event: tamper, severity: high}
sinks:
  influxdb: {url: "URL", bucket: BUCKET, token: "TOKEN", api: v1, access_bucket: BUCKET-access}
"""


def loader(file: Path, changes: Mapping[str, Mapping[str, str]]) -> Site:
    return load_site(file, {}, changes=changes).site


def the_past() -> list[tuple[int, Entry]]:
    """Voltages that dip, some of doubtful readings; what is derived beside them; a door and a tamper switch."""
    chance = random.Random(11)
    found: list[tuple[int, Entry]] = []
    for device, shift in (("main", 0), ("shop", 20_000)):
        for at in range(BEGIN + shift, END, MINUTE):
            volts = chance.choice([230.0] * 8 + [205.0, 190.0]) if at // (20 * MINUTE) % 3 else 203.0
            values = {"voltage_v": volts}
            if device == "main":
                values["energy_import_kwh"] = (at - BEGIN) / HOUR
            quality = chance.choice([Quality.GOOD] * 9 + [Quality.SUSPECT])
            found.append((at, Reading(device=device, time=at, arrived=at, values=values, quality=quality)))
            if device == "main":
                found.append((at, derived(at, "electricity", energy_import_delta_kwh=1 / 60)))
    found += [(at + HOUR, derived(at, "usage_hourly", amount=2.0, partial_i=1)) for at in range(BEGIN, END, HOUR)]
    for number, kind in enumerate(["forced", "tamper", "forced"]):
        at = BEGIN + (3 + number) * HOUR + 7000
        found.append((at, Event(device="door", kind=kind, time=at, arrived=at, id=f"{kind}-{number}")))
    return sorted(found, key=lambda each: each[0])


def derived(at: int, measurement: str, **values: float) -> Derived:
    return Derived(
        producer="metering", key=measurement, device="main", time=at, measurement=measurement, values=values,
        attributes={"utility": "electricity"} if measurement == "usage_hourly" else {},
    )  # fmt: skip


@dataclass
class Kept:
    folder: Path
    file: Path
    site: Site
    influx: InfluxSettings

    def judged(self, influx: InfluxSettings | None = None, processes: int = 1) -> Result:
        wish = Wish(folder=self.folder, start=BEGIN, end=END, influx=influx)
        variants = [Variant(name="now", file=self.file)]
        (result,) = backtest(loader, variants, wish, lambda *_: None, processes=processes)
        return result


@pytest.fixture
async def kept(tmp_path: Path, settings: Make) -> AsyncIterator[Kept]:
    influx = settings()
    text = SITE.replace("URL", influx.url).replace("BUCKET", influx.bucket).replace("TOKEN", influx.token)
    file = tmp_path / "site.yaml"
    file.write_text(text, encoding="utf-8")
    site, clock = loader(file, {}), ManualClock()
    journal = SqliteJournal.open(tmp_path / "journal.db", JournalSettings(), now=clock.now)
    state = State.open(tmp_path / "state.db")
    for at, entry in the_past():
        clock.time = at
        await journal.append([Batch(entries=[entry])])
    runner = a_runner(journal, state, InfluxSink(influx, site, state))
    async with running(runner):
        await until(lambda: runner.status()["lag"] == 0)
    yield Kept(tmp_path, file, site, influx)
    await state.close()
    await journal.close()


def episodes(result: Result) -> set[tuple[object, ...]]:
    return {(one.rule, one.source_key, one.raised, one.cleared, one.severity) for one in result.occurrences}


def test_value_rules_and_events_come_to_the_same_from_both(kept: Kept) -> None:
    journal = kept.judged()

    influx = kept.judged(kept.influx)
    shared = kept.judged(kept.influx, processes=2)

    rules = {one.rule for one in influx.figures}
    assert rules == {"low", "band", "forced", "tamper"}, "there are no failed polls there"
    assert episodes(influx) == {one for one in episodes(journal) if one[0] in rules}
    assert episodes(shared) == episodes(influx)
    assert {one.rule for one in influx.occurrences} == rules
    assert len(influx.occurrences) > 20
    assert influx.damaged == 0


def test_what_was_derived_is_derived_again_and_told_of_when_its_period_was_over(kept: Kept) -> None:
    history = InfluxHistory(kept.influx, kept.site)

    found = [one for _, batch in history.entries(*history.span(BEGIN, END), None) for one in batch]

    stamps = [one.recorded for one in found]
    assert stamps == sorted(stamps)
    hours = [one for one in found if isinstance(one.entry, Derived) and one.entry.measurement == "usage_hourly"]
    assert [one.recorded - one.entry.time for one in hours if isinstance(one.entry, Derived)] == [HOUR] * 11
    assert all(dict(one.entry.attributes) == {"utility": "electricity"} for one in hours)  # type: ignore[union-attr]
    deltas = [one.entry for one in found if isinstance(one.entry, Derived) and one.entry.device == "main"]
    beside = [one for one in deltas if one.measurement == "electricity"]
    assert len(beside) == 720
    assert set(beside[0].values) == {"energy_import_delta_kwh"}
    assert sum(type(one.entry) is Reading for one in found) == 1440


def test_a_token_that_may_not_read_access_leaves_it_out(kept: Kept) -> None:
    elsewhere = replace(kept.influx, access_bucket="not-there")

    result = kept.judged(elsewhere)

    assert result.without_access
    assert {one.rule for one in result.occurrences} == {"low", "band", "tamper"}


def test_the_command_says_what_influxdb_does_not_have(kept: Kept) -> None:
    ran = within(
        "rules", "backtest", "--site", kept.file, "--source", "influxdb",
        "--from", "2026-01-05 18:00", "--to", "2026-01-06 06:00",
    )  # fmt: skip

    assert ran.code == 0, ran.err
    assert ran.out.count("InfluxDB has no failed polls") == 1
    assert "left out are dead, old" in ran.out
    assert any(line.startswith("low ") for line in ran.out.splitlines())
