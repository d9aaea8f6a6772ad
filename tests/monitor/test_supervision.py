"""systemd is told what it has to know, on a real datagram socket."""

import asyncio
import contextlib
import os
import socket

import pytest

from monitor.supervision import Watchdog, notify


@pytest.fixture
def systemd(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "notify"))
        ear.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield ear


def test_fields_reach_systemd(systemd):
    assert notify(READY=1, STATUS="12 devices")

    assert systemd.recv(200) == b"READY=1\nSTATUS=12 devices"


def test_nothing_is_sent_where_there_is_no_systemd(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)

    assert not notify(READY=1)


def test_a_part_that_stands_still_is_named_and_an_idle_one_is_not():
    positions = {"journal": 1, "alarms": None}
    watchdog = Watchdog({name: lambda name=name: positions[name] for name in positions})

    assert watchdog.stuck() == []
    assert watchdog.stuck() == ["journal"]
    positions["journal"] = 2
    assert watchdog.stuck() == []


@pytest.mark.fault(
    "part stands still",
    part="whole monitor",
    outcome="The watchdog is no longer fed: systemd starts the monitor again.",
)
async def test_the_watchdog_is_fed_while_parts_move_and_starves_when_one_stops(systemd, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "90000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    moves, starved = iter([1, 2, 3, 3, 3, 3]), asyncio.Event()

    def engine() -> int:
        if (place := next(moves, None)) is None:
            starved.set()
        return place or 3

    task = asyncio.create_task(Watchdog({"engine": engine}).run())

    await asyncio.wait_for(starved.wait(), 60)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

    systemd.settimeout(0.05)
    fed = []
    with contextlib.suppress(TimeoutError):
        while True:
            fed.append(systemd.recv(50))
    assert fed == [b"WATCHDOG=1"] * 3
