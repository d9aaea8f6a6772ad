"""A day of people at an estate, told by a process that is killed three times: what it says is what happened.

Then nobody is to be found in anything that is kept or sent, and whoever is erased has never been there. In the
CI it looks at some full hours; with ESTATE_HOURS=all at each. ESTATE_PEOPLE: how many people.
"""

import json
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.access.crowd import DOORS
from tests.end_to_end.daemon import COMMAND
from tests.end_to_end.estate import Estate
from tests.end_to_end.estateday import READER
from tests.end_to_end.estatelife import (
    GUESTS,
    HOURS,
    IS_WHOLE,
    PEOPLE,
    Lived,
    everything,
    influx_files,
    live,
    live_events,
    of_cards,
    report,
    settle,
    times_on_disk,
    traffic,
)
from tests.end_to_end.people import Search


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    with live(tmp_path_factory.mktemp("estate")) as lived:
        yield lived


# What happened ------------------------------------------------------------------------------------------


def test_at_each_hour_as_many_are_in_as_are(lived: Lived) -> None:
    truth = {hour: lived.day.truth.counts(lived.day.until(hour)) for hour in HOURS}

    assert lived.rooms == truth
    assert lived.written == truth
    assert lived.noon == lived.day.inside(12)
    call = lived.site.ask("access", "rollcall", "--names", "--zone", "house", "--json", of_names=True)
    assert {each["name"]: each["zone"] for each in call["present"]} == lived.day.inside(24)
    assert sum(call["others"].values()) == truth[24]["house"][0] - truth[24]["house"][1]
    lived.say(occupancy={hour: tuple(count for count, _ in rooms.values()) for hour, rooms in truth.items()})


def test_what_happened_at_readers_is_what_happened(lived: Lived) -> None:
    site, day, truth = lived.site, lived.day, lived.day.truth
    cards = site.happened(day, "card")

    denied = sorted((each["device"], each["id"]) for each in cards if each["result"] == "denied")
    assert denied == sorted(truth.denied)
    assert of_cards(site.happened(day, "passage")) == sorted((reader, card) for _, _, reader, card in day.used)
    assert of_cards(site.happened(day, "out_of_hours")) == sorted(truth.out_of_hours)
    assert [site.happened(day, kind) for kind in ("passback", "crowded")] == [[], []]
    assert len(cards) == len(day.used) + len(truth.unused) + len(truth.denied)
    named = site.ask(
        *("access", "events", "--period", day.date, "--kind", "card", "--last", "10000", "--names", "--json"),
        of_names=True,
    )
    owners = {(reader, card): who for who, told in day.cards.items() for reader, card, _, _ in told}
    assert {(each["device"], each["id"]): each["name"] for each in named} == {
        (each["device"], each["id"]): day.people[owners[each["device"], each["id"]]].name
        if (each["device"], each["id"]) in owners
        else ""
        for each in cards
    }


def test_what_happened_at_doors_is_what_happened(lived: Lived) -> None:
    site, day, truth = lived.site, lived.day, lived.day.truth
    forced = [(each["device"], each["time"]) for each in site.happened(day, "forced")]
    held = [(each["device"], each["attributes"]["since"]) for each in site.happened(day, "held")]

    assert sorted(forced) == sorted((door, opened + day.shift) for door, opened in truth.forced)
    assert sorted(held) == sorted((door, opened + day.shift) for door, opened in truth.held)
    doors = {each["door"]: each for each in site.ask("access", "doors", "--json")}
    assert {door: each["state"] for door, each in doors.items()} == dict.fromkeys(doors, "closed") | {
        READER: "unknown"
    }
    made = report(lived)
    told = made["access_doors"]
    for door in (each for each in doors if each not in {"gate", "plant"}):
        row, figures = told[door], day.figures(door)
        assert {name: row[name] for name in ("granted", "denied", "forced", "held")} == {
            name: figures[name] for name in ("granted", "denied", "forced", "held")
        }, door
        assert (row["by_card"], row["by_none"]) == tuple(figures["opened"].get(key, 0) for key in ("card", "none"))
        assert row["longest"] <= 49.1 / 60, f"{door}: no door stood open for longer"
    zones = {row["zone"]: row for row in made["access_zones"].values()}
    names = ("entries", "exits", "most_at_once", "most_when")
    assert {zone: tuple(zones[zone][name] for name in names) for zone in DOORS} == day.busiest()
    lived.say(
        **{name: len(getattr(truth, name)) for name in ("denied", "unused", "out_of_hours", "forced", "held")},
        passages=len(day.used),
    )


def test_influxdb_has_been_told_the_same(lived: Lived) -> None:
    site, day, truth = lived.site, lived.day, lived.day.truth
    points = [
        each for each in site.points("access", "facility-access") if each["device"][:4] not in {"gate", "plan"}
    ]
    told = Counter((each["event"], each["device"]) for each in points if each["event"] != "card")
    cards = Counter((each["result"], each["device"]) for each in points if each["event"] == "card")

    for kind, which in (
        ("forced", [door for door, _ in truth.forced]),
        ("held", [door for door, _ in truth.held]),
        ("out_of_hours", [reader for reader, _ in truth.out_of_hours]),
        ("passage", [reader for _, _, reader, _ in day.used]),
    ):
        assert {name: count for (what, name), count in told.items() if what == kind} == Counter(which)
    assert {name: count for (result, name), count in cards.items() if result == "denied"} == Counter(
        reader for reader, _ in truth.denied
    )
    assert {each["credential"] for each in points if each["credential"]} == {lived.alias(who) for who in day.cards}
    doors = site.influx.query('SELECT last("state") AS state FROM door GROUP BY "device"', "facility")
    assert {each["state"] for each in doors} == {"closed"}
    assert len(doors) == 13


def test_live_doors_are_told_at_once(lived: Lived) -> None:
    site = lived.site
    told = {kind: live_events(site, kind) for kind in ("forced", "held", "passage", "opened")}

    assert sorted(each["device"] for each in told["forced"]) == ["gate", "plant"]
    assert sorted(each["device"] for each in told["held"]) == ["gate", "plant"]
    assert sorted(each["device"] for each in told["passage"]) == ["gate-in", "plant-in"]
    assert sorted((each["device"], each["attributes"]["cause"]) for each in told["opened"]) == [
        ("gate", "card"),
        ("gate", "none"),
        ("plant", "card"),
        ("plant", "none"),
    ]
    assert all(each["arrived"] - each["time"] < 120_000 for kind in told.values() for each in kind)
    recorded = site.daemon.journal(
        "SELECT recorded, body FROM entries WHERE kind = 2 AND device IN ('gate', 'plant')"
    )
    entries = [(row["recorded"], json.loads(row["body"])) for row in recorded]
    lived.say(
        told_after_ms={
            f"{told['kind']} {told['device']}": at - told["time"]
            for at, told in entries
            if told["kind"] in {"forced", "held"}
        }
    )


# Nobody is known ----------------------------------------------------------------------------------------


def test_nobody_is_in_anything_that_is_kept_or_sent(lived: Lived) -> None:
    site, day = lived.site, lived.day
    for words in (("status",), ("devices",), ("access", "doors"), ("access", "zones"), ("access", "rollcall")):
        site.show(*words)
    site.show("access", "events", "--period", day.date, "--last", "500")
    site.show("access", "rollcall", "--format", "html")
    site.show("alarms", "list", "--json")
    site.show("report", "access", "--period", day.date, "--format", "html")
    search = Search([*day.people.values()])
    rows = [row for base in ("facility", "facility-access") for row in everything(site, base)]
    files = site.files()

    assert len(search.found(*(each.payload.encode() for each in day.said))) > 3 * PEOPLE, "they are on the wire"
    assert {"journal.db", "state.db", "access.db", "names.sealed", "access.db.copy"} <= files.keys()
    assert [who for who in day.cards if lived.alias(who).encode() not in files["journal.db"]] == []
    assert search.found(*files.values()) == set()
    assert search.found(json.dumps(rows, ensure_ascii=False).encode()) == set()
    assert search.found(*influx_files(site).values()) == set()
    assert search.found(*site.mails(), site.daemon.log.read_bytes()) == set()
    assert search.found(*site.printed, *site.messages.heard) == set()
    assert any(b"/event/house-0" in each for each in site.messages.heard)
    lived.say(searched_mb=round(sum(map(len, files.values())) / 1e6, 1), points=len(rows), mails=len(site.mails()))


# One person ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gone(lived: Lived) -> tuple[str, str, str]:
    """Three people to forget, those who are in at midnight first; none of them a guest."""
    inside = [*lived.day.at(24), *sorted(lived.day.cards)]
    first, second, third, *_ = dict.fromkeys(who for who in inside if who not in GUESTS and who in lived.day.cards)
    return first, second, third


def test_the_export_of_a_person_is_all_that_he_did(lived: Lived, gone: tuple[str, str, str]) -> None:
    site, day, (who, _, _) = lived.site, lived.day, gone
    spelt = day.people[who].card.hex(":").upper()
    told = site.ask("access", "export", "--form", "hex", answer=f"{spelt}\n", of_names=True)
    cards = [
        (each["device"], each["id"], each["time"], each["result"])
        for each in told["entries"]
        if each["kind"] == "card"
    ]
    used = [(reader, card) for _, person, reader, card in day.used if person == who]

    assert told["pseudonym"] == lived.alias(who)
    assert told["name"]["name"] == day.people[who].name
    assert sorted(cards) == sorted(day.cards[who])
    assert of_cards([each for each in told["entries"] if each["kind"] == "passage"]) == sorted(used)
    assert [each["zone"] for each in told["presence"]] == [day.at(24)[who]] if who in day.at(24) else []
    assert sorted((each["entry"]["device"], each["entry"]["id"]) for each in told["journal"]) == sorted(
        (reader, card) for reader, card, _, _ in day.cards[who]
    )
    assert told["sent"] == {"influxdb": len(cards)}
    assert {"journal.db", "access.db", "access.db.copy"} <= told["files"].keys()


def test_whoever_is_erased_was_never_there(lived: Lived, gone: tuple[str, str, str]) -> None:
    site, day, (who, _, _) = lived.site, lived.day, gone
    alias, spelt = lived.alias(who), day.people[who].card.hex("-")
    before, on_disk = report(lived), times_on_disk(site, alias)
    began = time.monotonic()
    words = ("access", "erase", "--form", "hex", "--yes", "--reason", "moved out", "--json")
    done = site.ask(*words, answer=f"{spelt}\n")
    lived.say(erased_in_s=round(time.monotonic() - began, 2), erased_at=done["places"])

    assert done["done"]
    assert done["found_after"] == {}
    assert {name: done["places"][name] for name in ("journal", "influxdb", "names")} == {
        "journal": len(day.cards[who]), "influxdb": len(day.cards[who]), "names": 1,
    }  # fmt: skip
    assert done["places"]["access.db.copy"] > 0
    _never_there(lived, [who])
    assert report(lived) == before, "what happened at the doors stays"
    assert site.daemon.stop() == 0
    for file in ("access.db", "state.db"):
        for ending in ("-wal", "-shm"):
            (site.daemon.state / f"{file}{ending}").unlink(missing_ok=True)
        shutil.copyfile(site.daemon.state / f"{file}.copy", site.daemon.state / file)
    site.influx.stop()
    site.influx.start()
    site.started()
    settle(lambda: lived.inside() == _others(lived, [who]))
    _never_there(lived, [who])
    assert report(lived) == before, "nor does a copy bring him back"
    lived.say(times_in_files_of_influxdb={"before": on_disk, "after": times_on_disk(site, alias)})


def _others(lived: Lived, gone: list[str]) -> dict[str, str]:
    names = {lived.day.people[who].name for who in gone}
    return {name: zone for name, zone in lived.day.inside(24).items() if name not in names}


def _never_there(lived: Lived, gone: list[str]) -> None:
    """Neither on the box nor in InfluxDB is anything of these people."""
    site = lived.site
    listed = site.daemon.get("access", "names")
    for who in gone:
        alias = lived.alias(who)
        assert [name for name, data in site.files().items() if alias.encode() in data] == []
        for base in ("facility", "facility-access"):
            assert alias not in json.dumps([*everything(site, base)])
        assert alias not in {each["pseudonym"] for each in listed}
        assert alias.encode() not in site.daemon.log.read_bytes()
        told = site.ask("access", "export", "--pseudonym", alias, of_names=True)
        assert (told["entries"], told["presence"], told["journal"], told["elsewhere"]) == ([], [], [], {})
        assert (told["name"], told["files"], told["sent"]) == (None, {}, {"influxdb": 0})
    assert lived.inside() == _others(lived, gone)


def test_erasing_waits_for_influxdb_and_goes_on_after_a_kill(lived: Lived, gone: tuple[str, str, str]) -> None:
    site, (first, second, third) = lived.site, gone
    site.influx.stop()
    words = ("access", "erase", "--yes", "--reason", "asked for it", "--json", "--pseudonym")
    waits = site.ask(*words, lived.alias(second))

    assert waits["done"] is None
    assert waits["waits_for"]
    told = site.run("access", "erase", "--yes", "--reason", "again", "--pseudonym", lived.alias(second))
    assert "not done yet" in told.stdout
    site.influx.start()
    if IS_WHOLE:
        began = time.monotonic()
        site.daemon.until(lambda: site.erasure(waits["id"])["done"], "it is done when InfluxDB is back", 120)
        lived.say(done_after_s=round(time.monotonic() - began, 1))
    with traffic(lived) as told_live:
        asked = subprocess.Popen(
            [*COMMAND, *words, lived.alias(third), "--state", str(site.daemon.state)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        number = site.daemon.until(lambda: _open_one(site, waits["id"]), "it is asked for")
        site.daemon.kill()
        asked.wait(60)
        site.started()
        for each in (waits["id"], number):
            site.daemon.until(lambda each=each: site.erasure(each)["done"], "it is done after the kill")
    site.daemon.until(lambda: len(_passages_of_guests(site)) == len(told_live), "nobody else is lost meanwhile")
    site.daemon.until(site.is_sent, "InfluxDB has it all")

    assert [site.erasure(each)["found_after"] for each in (waits["id"], number)] == [{}, {}]
    assert site.erasure(waits["id"])["places"]["influxdb"] == len(lived.day.cards[second])
    _never_there(lived, [first, second, third])
    assert Search([*lived.day.people.values()]).found(*site.files().values()) == set()


def _open_one(site: Estate, but: str) -> str:
    """The erasure that goes on now, once it has erased something."""
    found = site.daemon.get("access", "erasures") or ()
    return next((str(each["id"]) for each in found if each["id"] != but and each["places"]), "")


def _passages_of_guests(site: Estate) -> set[str]:
    return {each["id"] for each in live_events(site, "card") if each["id"].startswith("busy-")}
