"""What must be true of a site after whatever was done to it. Every check answers what is wrong, in words."""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path
from sqlite3 import connect
from typing import Any

from monitor.notify.messages import render
from tests.end_to_end.daemon import Daemon, rows
from tests.servers.influxdb import InfluxServer
from tests.servers.smtp import plain_text

__all__ = [
    "numbers_kept",
    "numbers_written",
    "told_often",
    "untold",
    "wrong_with_acknowledgements",
    "wrong_with_alarms",
    "wrong_with_files",
    "wrong_with_mails",
    "wrong_with_numbers",
    "wrong_with_positions",
    "wrong_with_readings",
    "wrong_with_sent",
    "wrong_with_told",
]

_SHOWN = 5
_NEVER = 2**63
_MOMENT = 1000


def numbers_kept(daemon: Daemon) -> list[int]:
    """The numbers of messages that the journal holds, in its order; 0 is nobody's number."""
    found = daemon.journal("SELECT body FROM entries WHERE kind = 1 AND device LIKE 'counter-%' ORDER BY position")
    numbers = [int(json.loads(row["body"])[3].get("volume_m3", 0)) for row in found]
    return [number for number in numbers if number]


def numbers_written(influx: InfluxServer) -> list[int]:
    """The numbers of messages that InfluxDB holds."""
    found = influx.query("SELECT volume_m3 FROM water WHERE volume_m3 > 0", "facility")
    return [int(row["volume_m3"]) for row in found]


def wrong_with_numbers(daemon: Daemon, influx: InfluxServer, published: Sequence[int]) -> Iterator[str]:
    """Every published message is once in the journal and once in InfluxDB."""
    for place, found in (("the journal", numbers_kept(daemon)), ("InfluxDB", numbers_written(influx))):
        counted = Counter(found)
        yield from _some(f"message not in {place}", set(published) - counted.keys())
        yield from _some(f"message more than once in {place}", (each for each, n in counted.items() if n > 1))
        yield from _some(f"message in {place} that nobody has sent", counted.keys() - set(published))


def wrong_with_readings(
    daemon: Daemon, influx: InfluxServer, measurement: str = "electricity", point: str = "power_w"
) -> Iterator[str]:
    """No reading is doubled, and InfluxDB has what the sink says it has, once, and nothing else."""
    sink = _sink(daemon.state)
    written: defaultdict[str, list[int]] = defaultdict(list)
    for row in influx.query(f"SELECT {point}, device FROM {measurement}", "facility"):
        written[row["device"]].append(row["time"])
    for device, there in sorted(written.items()):
        found = daemon.journal("SELECT position, body FROM entries WHERE kind = 1 AND device = ?", device)
        bodies = [(row["position"], json.loads(row["body"])) for row in found]
        times = [body[1] for _, body in bodies if body[3]]
        sent = {body[1] for position, body in bodies if body[3] and position <= sink}
        yield from _some(f"reading of {device} twice in the journal", _doubled(times))
        yield from _some(f"reading of {device} twice in InfluxDB", _doubled(there))
        yield from _some(f"reading of {device} that InfluxDB was to have", sent - set(there))
        yield from _some(f"reading of {device} that is only in InfluxDB", set(there) - set(times))


def wrong_with_positions(daemon: Daemon) -> Iterator[str]:
    """Nobody claims to have applied what the journal has not; the journal goes forward."""
    found = daemon.journal("SELECT position, recorded FROM entries ORDER BY position")
    stamps = [row["recorded"] for row in found]
    if stamps != sorted(stamps):
        yield "the journal's stamps go backwards"
    end = max((row["position"] for row in found), default=0)
    for row in daemon.memory("SELECT consumer, position FROM positions"):
        if row["position"] > end:
            yield f"{row['consumer']} is at {row['position']}, ahead of the journal's end at {end}"


def wrong_with_alarms(daemon: Daemon, influx: InfluxServer) -> Iterator[str]:
    """Every occurrence is there once with all of its steps, one after the other; InfluxDB has them all."""
    steps = daemon.entries(4)
    yield from _some("step of an alarm twice", _doubled((step["occurrence"], step["number"]) for step in steps))
    numbers: defaultdict[str, set[int]] = defaultdict(set)
    for step in steps:
        numbers[step["occurrence"]].add(step["number"])
    gaps = (each for each, found in numbers.items() if found != set(range(1, len(found) + 1)))
    yield from _some("occurrence with steps missing", gaps)
    stored = {(row["occurrence"], row["number"]) for row in daemon.memory("SELECT * FROM alarm_event")}
    told = {(step["occurrence"], step["number"]) for step in steps}
    yield from _some("step that the state knows and the journal does not", stored - told)
    yield from _some("step that the journal knows and the state does not", told - stored)

    by_alarm: defaultdict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    for step in steps:
        if step["cause"] in {"raised", "cleared"}:
            by_alarm[step["rule"], step["device"]].append((step["time"], step["cause"]))
    for alarm, course in by_alarm.items():
        causes = [cause for _, cause in course]
        if causes != ["raised", "cleared"] * (len(causes) // 2):
            yield f"the alarm {alarm} was not raised and cleared in turn: {course}"

    wanted = Counter((step["occurrence"], step["cause"]) for step in steps)
    there = influx.query("SELECT occurrence, cause FROM alarms", "facility")
    found = Counter((row["occurrence"], row["cause"]) for row in there)
    yield from _some("step of an alarm that is not in InfluxDB", wanted - found)
    yield from _some("step of an alarm too often in InfluxDB", found - wanted)


def wrong_with_acknowledgements(daemon: Daemon, accepted: Mapping[str, str]) -> Iterator[str]:
    """Every acknowledgement that was accepted is in the journal once, and its alarm is acknowledged.

    Unless the alarm was raised anew in the moment before: that is another occurrence, and the old one was closed.
    """
    commands = daemon.entries(5)
    kept = Counter(command["id"] for command in commands)
    yield from _some("accepted acknowledgement that is lost", accepted.keys() - kept.keys())
    yield from _some("acknowledgement twice in the journal", (each for each, n in kept.items() if n > 1))
    steps = daemon.entries(4)
    done = Counter(step["occurrence"] for step in steps if step["cause"] == "acknowledged")
    yield from _some("alarm acknowledged twice", (each for each, n in done.items() if n > 1))
    closed = {step["occurrence"]: step["time"] for step in steps if step["cause"] == "closed"}
    too_late = {
        each["target"] for each in commands if closed.get(each["target"], _NEVER) <= each["time"] + _MOMENT
    }
    yield from _some("alarm whose acknowledgement is lost", set(accepted.values()) - done.keys() - too_late)


def told_often(daemon: Daemon, mails: Iterable[EmailMessage]) -> list[tuple[dict[str, Any], int]]:
    """Every row of the outbox, and how often its message has arrived, told by its own text."""
    arrived = Counter(
        (_plain(str(mail["To"])), _plain(str(mail["Subject"])), _plain(plain_text(mail))) for mail in mails
    )
    found = [dict(row) for row in daemon.memory("SELECT * FROM outbox ORDER BY id")]
    ends = {row["occurrence"]: json.loads(row["body"])["time"] for row in found if row["kind"] == "clear"}
    often = []
    for row in found:
        body = json.loads(row["body"])
        messages = [render(row["kind"], "en", body)]
        if row["kind"] in {"raise", "severity"} and row["occurrence"] in ends:
            messages.append(render("combined", "en", body, cleared=ends[row["occurrence"]]))
        keys = {(f"{row['person']}@example.org", _plain(each.title), _plain(each.text)) for each in messages}
        often.append((row, sum(arrived.pop(key, 0) for key in keys)))
    often += [
        ({"state": "unknown to the outbox", "kind": "", "device": key[1], "id": 0}, n)
        for key, n in arrived.items()
    ]
    return often


def wrong_with_mails(daemon: Daemon, mails: Iterable[EmailMessage]) -> Iterator[str]:
    """What was due has arrived; more than once only where the outbox says that it may have; nothing else came."""
    now = time.time() * 1000  # in a flood a message waits for others
    for row, often in told_often(daemon, mails):
        about = f"notification {row['id']} ({row['kind']}, {row['state']}, arrived {often} times)"
        if row["state"] == "sent":
            if not often:
                yield f"{about} did not arrive"
            elif often > row["attempts"] or (often > 1 and not row["maybe_delivered"]):
                yield f"{about} arrived too often"
        elif row["state"] != "superseded" and not (row["state"] == "queued" and row["not_before"] > now):
            yield f"{about} was to be sent or superseded"
        elif often and not row["maybe_delivered"]:
            yield f"{about} arrived though it was superseded"
    due = {
        row["occurrence"]
        for row in daemon.memory("SELECT occurrence FROM outbox WHERE kind IN ('raise', 'chatter')")
    }
    yield from _some("alarm that nobody was told of", untold(daemon.entries(4), due))


def untold(steps: Iterable[Mapping[str, Any]], told: Collection[str]) -> Iterator[str]:
    """The occurrences that people have to hear of and that are not among the told, out of all steps in order.

    While an alarm chatters, of which people are told by the occurrence at which that began, its raises have no
    messages of their own.
    """
    chattering: set[tuple[str, str]] = set()
    for step in steps:
        alarm, occurrence = (step["rule"], step["source_key"]), step["occurrence"]
        if step["cause"] == "chattering" and occurrence in told:
            chattering.add(alarm)
        elif step["cause"] == "quiet":
            chattering.discard(alarm)
        elif (
            step["cause"] == "raised"
            and not step["suppression"]
            and occurrence not in told
            and alarm not in chattering
        ):
            yield occurrence


def wrong_with_told(folder: Path, *, commands: Iterable[str], sent: Iterable[int], position: int) -> Iterator[str]:
    """What the daemon has told somebody is in its files, while it is dead."""
    if not (folder / "journal.db").exists():
        if position:
            yield f"the journal is gone, and its end was told to be {position}"
        return
    end, known = _end(folder), rows(folder / "journal.db", "SELECT body FROM entries WHERE kind = 5")
    if end < position:
        yield f"the journal ends at {end}, and its end was told to be {position}"
    yield from _some(
        "accepted acknowledgement that is lost", set(commands) - {json.loads(row["body"])["id"] for row in known}
    )
    still = rows(folder / "state.db", "SELECT id FROM outbox WHERE state = 'sent'")
    yield from _some("notification that was sent and is no longer", set(sent) - {row["id"] for row in still})


def wrong_with_sent(folder: Path, influx: InfluxServer, since: int) -> Iterator[str]:
    """InfluxDB has all that the sink's position claims: the readings behind `since` and up to it."""
    sink = _sink(folder)
    query = "SELECT device, time, body FROM entries WHERE kind = 1 AND position > ? AND position <= ?"
    found = rows(folder / "journal.db", query, since, sink) if sink > since else []
    readings = [(row["device"], json.loads(row["body"])) for row in found]
    if not readings:
        return
    start = min(body[1] for _, body in readings) - 1000
    meters = influx.query(f"SELECT power_w, device FROM electricity WHERE time >= {start}ms", "facility")
    there = {(row["device"], row["time"]) for row in meters}
    owed = {(device, body[1]) for device, body in readings if "power_w" in body[3]}
    yield from _some("reading that the sink's position claims, and InfluxDB has not", owed - there)
    water = influx.query(f"SELECT volume_m3 FROM water WHERE time >= {start}ms", "facility")
    numbers = {body[3]["volume_m3"] for _, body in readings if "volume_m3" in body[3]}
    yield from _some(
        "message that the sink's position claims, and InfluxDB has not",
        numbers - {row["volume_m3"] for row in water},
    )


def wrong_with_files(folder: Path) -> Iterator[str]:
    """SQLite finds all files sound, and nobody is ahead of the journal; the folder may lack them all."""
    positions: dict[str, int] = {}
    for name in ("state.db", "ledger.db", "access.db", "journal.db"):
        path = folder / name
        if not path.exists() or not path.stat().st_size:
            continue
        with closing(connect(path)) as db:
            verdict = db.execute("PRAGMA integrity_check").fetchone()[0]
            tables = {row[0] for row in db.execute("SELECT name FROM sqlite_schema")}
        if verdict != "ok":
            yield f"{name} is damaged: {verdict}"
        elif "positions" in tables:
            positions |= {row["consumer"]: row["position"] for row in rows(path, "SELECT * FROM positions")}
        elif "entries" in tables:
            end = _end(folder)
            ahead = {name: at for name, at in positions.items() if at > end}
            yield from _some(f"consumer ahead of the journal's end at {end}", ahead.items())


def _sink(folder: Path) -> int:
    found = rows(folder / "state.db", "SELECT position FROM positions WHERE consumer = 'influxdb'")
    return int(found[0]["position"]) if found else 0


def _end(folder: Path) -> int:
    return int(
        rows(folder / "journal.db", "SELECT coalesce(max(position), 0) AS position FROM entries")[0]["position"]
    )


def _doubled(found: Iterable[Any]) -> list[Any]:
    return [each for each, n in Counter(found).items() if n > 1]


def _some(what: str, found: Iterable[Any]) -> Iterator[str]:
    """One line for many of a kind."""
    them = sorted(found)
    if them:
        yield f"{len(them)} x {what}: {', '.join(map(str, them[:_SHOWN]))}{' …' if len(them) > _SHOWN else ''}"


def _plain(text: str) -> str:
    return " ".join(text.strip("<>").split())
