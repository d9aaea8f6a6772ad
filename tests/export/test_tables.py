"""CSV that a spreadsheet and a program can open."""

import csv
import io
from dataclasses import replace
from pathlib import Path

from monitor.export.kept import Kept, Wish
from monitor.export.run import rows_of_kept
from monitor.journal.sqlite import SqliteJournal
from monitor.model import Quality
from monitor.site import Counter, Point, Site
from tests.sinks.pasts import usage
from tests.sinks.site import NOW, a_site, derived, event, reading, step
from tests.sinks.test_runner import append

HOUR = 3_600_000


def table(
    folder: Path, kind: str, site: Site | None = None, *, wide: str = "", mark: bool = False
) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text(folder, kind, site, wide=wide, mark=mark).decode("utf-8-sig"))))


def text(folder: Path, kind: str, site: Site | None = None, *, wide: str = "", mark: bool = False) -> bytes:
    site = site or a_site()
    kept, out = Kept(folder, site, NOW), io.BytesIO()
    wish = Wish(start=NOW - HOUR, end=NOW + HOUR, kinds=frozenset({kind}))
    device = site.devices[wide] if wide else None
    rows_of_kept(kept, site, wish, out, lambda _: None, wide=device, mark=mark)
    kept.close()
    return out.getvalue()


async def test_a_reading_is_a_row_for_each_value(journal: SqliteJournal, tmp_path: Path):
    await append(
        journal,
        reading("e-main", NOW + 1, Quality.SUSPECT, power_w=4920, voltage_l1_v=230.10000610351562),
        reading("e-main", NOW + 2),
        reading("leak", NOW + 3, alarm=True),
        reading("gone", NOW + 4, power_w=-1.5),
    )
    rows = table(tmp_path, "readings")

    assert rows[0] == {
        "time": "2026-11-22T21:15:23.001+01:00",
        "measurement": "electricity",
        "device": "e-main",
        "name": "E main",
        "building": "b1",
        "zone": "plant room",
        "point": "power_w",
        "value": "4920",
        "unit": "W",
        "quality": "suspect",
    }
    assert [(row["device"], row["point"], row["value"]) for row in rows[1:]] == [
        ("e-main", "voltage_l1_v", "230.10000610351562"),
        ("leak", "alarm", "true"),
        ("gone", "power_w", "-1.5"),
    ]


async def test_a_wide_table_has_a_column_for_each_point(journal: SqliteJournal, tmp_path: Path):
    await append(journal, reading("e-main", NOW, power_w=1.0), reading("e-main", NOW + 1, energy_import_kwh=7.5))
    rows = table(tmp_path, "readings", wide="e-main")

    assert list(rows[0]) == ["time", "power_w", "voltage_l1_v", "energy_import_kwh", "quality"]
    assert [(row["power_w"], row["energy_import_kwh"]) for row in rows] == [("1.0", ""), ("", "7.5")]


async def test_usage_comes_once_and_as_it_was_told_last(journal: SqliteJournal, tmp_path: Path):
    for number in range(5):
        await append(journal, usage("usage_daily", float(number), version=str(number), partial_i=int(number < 4)))
    site = a_site()
    counted = {"energy_import_kwh": Point(name="energy_import_kwh", unit="kWh", counter=Counter())}
    main = replace(site.devices["e-main"], points=counted)
    [row] = table(tmp_path, "usage", replace(site, devices={"e-main": main}))

    assert (row["per"], row["amount"], row["unit"], row["final"], row["utility"]) == (
        "day",
        "4.0",
        "kWh",
        "true",
        "electricity",
    )


async def test_alarms_are_their_steps(journal: SqliteJournal, tmp_path: Path):
    tried = step("raised", 1, NOW + 30_000, occurrence="o-2", suppression=("shadow",))
    await append(journal, step("raised", 1), tried, step("cleared", 2, NOW + 60_000, reason="the pump runs"))
    rows = table(tmp_path, "alarms")

    assert [(row["step"], row["state"], row["point"], row["value"], row["unit"]) for row in rows] == [
        ("raised", "active", "power_w", "6100.0", "W"),
        ("cleared", "clear", "power_w", "6100.0", "W"),
    ]
    assert rows[1]["reason"] == "the pump runs"


async def test_a_credential_is_told_only_where_the_site_allows_pseudonyms(journal: SqliteJournal, tmp_path: Path):
    await append(
        journal,
        event("card", result="granted", direction="in", credential="p-123"),
        event("tamper", credential="p-123", level=2),
    )
    site = a_site()
    allowed = replace(site, access=replace(site.access, pseudonyms=True))
    [plain], [told] = table(tmp_path, "access"), table(tmp_path, "access", allowed)

    assert (plain["kind"], plain["result"], plain["credential"]) == ("card", "granted", "")
    assert told["credential"] == "p-123"
    for kind in ("access", "events"):
        assert b"p-123" not in text(tmp_path, kind)
    assert table(tmp_path, "events")[0]["detail"] == '{"level": 2}'


async def test_no_text_becomes_a_formula(journal: SqliteJournal, tmp_path: Path):
    await append(journal, step("raised", 1, reason="=HYPERLINK(1)"), derived("device_health", {"state": "@cmd"}))

    assert table(tmp_path, "alarms")[0]["reason"] == "'=HYPERLINK(1)"
    assert table(tmp_path, "health")[0]["value"] == "'@cmd"


async def test_a_file_begins_with_the_mark_that_spreadsheets_look_for(journal: SqliteJournal, tmp_path: Path):
    await append(journal, reading("e-main", power_w=1.0))

    assert text(tmp_path, "readings", mark=True).startswith(b"\xef\xbb\xbftime,measurement,")
    assert text(tmp_path, "readings").startswith(b"time,measurement,")
    assert text(tmp_path, "readings").count(b"\r\n") == 2
