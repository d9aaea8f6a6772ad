"""Faults of a simulated site: each does what it says while it is on, and nothing afterwards."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest

from monitor.settings import SettingsInvalid
from monitor.simulation.faults import FAULTS
from monitor.simulation.script import read_faults
from tests.simulation.playing import Asker, Played, listening, playing
from tests.simulation.site import site


async def energy(master: Asker) -> int:
    """What the counter of the heat meter shows, over the wire."""
    content = await master.ask(3, 0, 2)
    assert content[:2] == b"\x03\x04", content
    return int.from_bytes(content[2:], "big")


async def energy_once(master: Asker, fits: Callable[[int], bool]) -> int:
    """The same as soon as it fits: registers follow every quarter of a second."""
    async with asyncio.timeout(60):
        while True:
            if fits(shown := await energy(master)):
                return shown
            await asyncio.sleep(0.05)


# Answers ---------------------------------------------------------------------------------------------------

ANSWERS = {
    "busy": b"\x83\x06",
    "exception, code: 2": b"\x83\x02",
    "exception, code: 200": b"\x83\xc8",
    "gateway": b"\x83\x0b",
    "gateway, code: 10": b"\x83\x0a",
    "refused, first: 1, last: 4": b"\x83\x02",
    "refused, first: 1, last: 1, code: 3": b"\x83\x03",
}


@pytest.mark.parametrize("fault", ANSWERS)
async def test_an_exception_is_the_answer_of_this_device_only_and_ends_in_time(tmp_path: Path, fault: str) -> None:
    async with playing(tmp_path) as played:
        master = await played.asker()
        await played.play(f"{{device: heat, fault: {fault}, from: 1 s, for: 2 s}}")
        before = await master.ask(3, 0, 2)
        await played.step(1)
        during, other = await master.ask(3, 0, 2), await master.ask(2, 1, 2)
        await played.step(3)
        after = await master.ask(3, 0, 2)
        master.close()

    assert during == ANSWERS[fault]
    assert before[0] == after[0] == other[0] == 3


async def frame_of(master: Asker) -> tuple[bytes, bytes]:
    """An answer as it comes, and as it would be right (its content not counted)."""
    frame = await master.raw(3, 10, 6)
    return frame, bytes([*master.number.to_bytes(2, "big"), 0, 0, 0, 15, 3, 3, 12])


WRONG = {
    "wrong-unit": lambda frame, right: frame[6] == 4 and frame[:6] == right[:6],
    "wrong-transaction": lambda frame, right: frame[:2] != right[:2] and frame[2:9] == right[2:],
    "unnumbered": lambda frame, right: frame[:2] == b"\0\0" and frame[2:9] == right[2:],
    "wrong-function": lambda frame, right: frame[7] == 0x41 and frame[:7] == right[:7],
    "truncated": lambda frame, _: len(frame) == 18 and frame[5] == 12 and frame[8] == 12,
    "short": lambda frame, _: len(frame) == 19 and frame[5] == 13 and frame[8] == 10,
    "oversize": lambda frame, _: len(frame) > 260 and int.from_bytes(frame[4:6], "big") == len(frame) - 6,
    "corrupt": lambda frame, right: frame[2:4] != b"\0\0" and frame[4:9] == right[4:],
    "noise": lambda frame, right: not frame.startswith(right) and right in frame,
    "cut-off": lambda frame, right: len(frame) == 10 and frame.startswith(right),
}


@pytest.mark.parametrize("fault", WRONG)
async def test_a_wrong_answer_is_wrong_in_its_way(tmp_path: Path, fault: str) -> None:
    async with playing(tmp_path) as played:
        master = await played.asker()
        await played.play(f"{{device: heat, fault: {fault}}}")
        frame, right = await frame_of(master)
        await played.play()
        master.close()
        master = await played.asker()
        sound, expected = await frame_of(master)
        master.close()

    assert WRONG[fault](frame, right), frame.hex()
    assert sound.startswith(expected)
    assert len(sound) == 21


async def test_one_in_three_is_wrong(tmp_path: Path) -> None:
    async with playing(tmp_path) as played:
        master = await played.asker()
        await played.play("{device: heat, fault: corrupt, one_in: 3}")
        frames = [await master.raw(3, 0) for _ in range(9)]
        master.close()

    assert [frame[2:4] != b"\0\0" for frame in frames].count(True) == 3


async def test_a_dead_device_is_silent_and_its_neighbour_is_not(tmp_path: Path) -> None:
    async with playing(tmp_path) as played:
        master = await played.asker()
        await played.play("{device: heat, fault: dead, for: 5 s}")
        dead, other = await master.is_deaf(3), await master.ask(2, 1)
        await played.step(5)
        back = await master.ask(3, 0)
        master.close()

    assert dead
    assert other[0] == back[0] == 3
    assert played.told == ["fault begins: heat: dead", "fault ends: heat: dead"]


async def test_a_slow_device_takes_its_time(tmp_path: Path) -> None:
    async with playing(tmp_path) as played:
        master = await played.asker()
        await played.play("{connection: plant, fault: slow, delay: 300 ms}")
        began = time.monotonic()
        await master.ask(3, 0)
        took = time.monotonic() - began
        master.close()

    assert took >= 0.3


# Connections -----------------------------------------------------------------------------------------------


async def test_half_open_connections_are_all_the_older_or_the_newer_ones(tmp_path: Path) -> None:
    async with playing(tmp_path) as played:
        old = await played.asker()
        await played.play("{connection: plant, fault: half-open, connections: new}")
        new = await played.asker()
        only_new = (await old.raw(3, 0), await new.is_deaf())
        await played.play("{connection: plant, fault: half-open, connections: existing}")
        newer = await played.asker()
        only_old = (await old.is_deaf(), await newer.raw(3, 0))
        await played.play("{connection: plant, fault: half-open}")
        everybody = await newer.is_deaf()
        await played.play()
        over = await newer.raw(3, 0)
        for each in (old, new, newer):
            each.close()

    assert only_new[0]
    assert only_new[1]
    assert only_old[0]
    assert only_old[1]
    assert everybody
    assert over


async def test_an_endpoint_that_is_away_closes_its_connections_and_comes_back(tmp_path: Path) -> None:
    async with playing(tmp_path) as played:
        master = await played.asker()
        await played.play("{connection: plant, fault: away, for: 3 s}")
        ended = await master.raw(3, 0)
        with pytest.raises(OSError, match="Connect call failed"):
            await played.asker()
        await played.step(3)
        again = await played.asker()
        answer = await again.ask(3, 0)
        master.close()
        again.close()

    assert ended == b""
    assert answer[0] == 3


async def test_a_line_that_is_away_has_no_terminal_and_is_there_again_at_its_path(tmp_path: Path) -> None:
    link = tmp_path / "cellar"
    async with playing(tmp_path) as played:
        there = link.exists()
        await played.play("{connection: cellar, fault: away, for: 3 s}")
        gone = not link.exists()
        await played.step(3)
        back = link.exists()

    assert (there, gone, back) == (True, True, True)


async def test_an_endpoint_whose_port_is_taken_meanwhile_comes_back_when_it_is_free(tmp_path: Path) -> None:
    async with playing(tmp_path) as played:
        await played.play("{connection: plant, fault: away, for: 3 s}")
        other = await asyncio.start_server(lambda *_: None, "127.0.0.1", played.port("plant"))
        await played.step(3)
        told = list(played.told)
        other.close()
        await other.wait_closed()
        await played.step(4)
        master = await played.asker()
        answer = await master.ask(3, 0)
        master.close()

    assert any("plant does not come back" in line for line in told)
    assert answer[0] == 3


async def test_the_echo_is_the_lines(tmp_path: Path) -> None:
    async with playing(tmp_path) as played:
        (line,) = (place for name, place in played.stage.places.items() if name == "cellar")
        await played.play("{connection: cellar, fault: echo}")
        on = line._end.line.echo  # type: ignore[attr-defined]
        await played.play()

        assert (on, line._end.line.echo) == (True, False)  # type: ignore[attr-defined]


# Meters ----------------------------------------------------------------------------------------------------


async def test_a_glitch_is_one_poll_of_zero(tmp_path: Path) -> None:
    async with playing(tmp_path) as played:
        master = await played.asker()
        shown = [await energy(master)]
        await played.play("{device: heat, fault: glitch, every: 10 s}")
        shown += [await energy(master), await energy(master)]
        await played.step(10)
        shown += [await energy(master), await energy(master)]
        master.close()

    assert [value == 0 for value in shown] == [False, True, False, True, False]
    assert played.told == ["fault happens: heat: glitch"] * 2


def shows(played: Played, device: str, point: str, *, after: float = 0.0) -> float:
    """What a device shows some seconds from now."""
    return float(played.world.values(played.site.devices[device], time.time() + after)[point])


async def test_a_dip_falls_and_returns(tmp_path: Path) -> None:
    async with playing(tmp_path) as played:
        before = shows(played, "water", "volume_m3")
        await played.play("{device: water, fault: dip, by: 12, for: 5 s}")
        during = shows(played, "water", "volume_m3")
        await played.step(5)
        after = shows(played, "water", "volume_m3")

    assert during == pytest.approx(before - 12, abs=0.1)
    assert after == pytest.approx(before, abs=0.1)


async def test_a_counter_rolls_over_at_its_modulus_when_it_says_so(tmp_path: Path) -> None:
    async with playing(tmp_path) as played:
        await played.play("{device: water, fault: rollover, modulus: 1000, in: 60 s, point: volume_m3}")
        short = shows(played, "water", "volume_m3")
        # By night nothing flows for hours.
        later = [shows(played, "water", "volume_m3", after=120 + minutes * 60) for minutes in range(0, 1440, 10)]

    assert 999 < short < 1000
    assert 0 <= next(shown for shown in later if shown < 999) < 1


async def test_a_swapped_meter_has_its_own_number_and_start(tmp_path: Path) -> None:
    async with playing(tmp_path) as played:
        master = await played.asker()
        old = await master.ask(3, 10, 6)
        await played.play("{device: heat, fault: swap, serial: NEW-4711, start: 17}")
        start = await energy_once(master, lambda shown: shown == 17)
        new = await master.ask(3, 10, 6)
        master.close()

    assert old[2:10].isdigit()
    assert new[2:].rstrip(b"\0") == b"NEW-4711"
    assert start == 17


async def test_a_value_of_ones_own_is_shown(tmp_path: Path) -> None:
    async with playing(tmp_path) as played:
        master = await played.asker()
        await played.play("{set: {device: heat, point: energy_kwh, value: 4711}, for: 3 s}")
        during = await energy_once(master, lambda shown: shown == 4711)
        await played.step(3)
        after = await energy_once(master, lambda shown: shown != 4711)
        master.close()

    assert during == 4711
    assert after != 4711


# MQTT ------------------------------------------------------------------------------------------------------


async def test_a_silent_device_says_nothing_and_speaks_again(tmp_path: Path) -> None:
    async with playing(tmp_path) as played, listening(played, "zigbee/leak") as heard:
        await asyncio.wait_for(heard.get(), 60)
        await played.play("{device: leak, fault: silent}")
        with suppress(TimeoutError):
            for _ in range(20):  # what is on its way comes still
                await asyncio.wait_for(heard.get(), 2.5)
            pytest.fail("it goes on to speak")
        await played.play()
        await asyncio.wait_for(heard.get(), 60)


async def test_the_broker_tells_the_last_will_and_the_device_that_it_is_back(tmp_path: Path) -> None:
    async with playing(tmp_path) as played, listening(played, "rooms/cold/state") as heard:
        first = await asyncio.wait_for(heard.get(), 60)
        await played.play("{device: cold-room, fault: last-will, for: 5 s}")
        second = await asyncio.wait_for(heard.get(), 60)
        await played.step(5)
        third = await asyncio.wait_for(heard.get(), 60)

    assert (first, second, third) == (b"online", b"offline", b"online")


async def test_a_backlog_comes_at_once_with_its_own_times(tmp_path: Path) -> None:
    async with playing(tmp_path) as played, listening(played, "rooms/cold") as heard:
        now = time.time()
        await played.play("{device: cold-room, fault: backlog, span: 10 min}")
        past: list[int] = []
        async with asyncio.timeout(60):
            while len(past) < 299:
                at = json.loads(await heard.get())["at"]
                past += [at] if at < now - 3 else []

    assert {after - before for before, after in pairwise(past)} <= {1, 2, 3}
    assert past[-1] - past[0] == pytest.approx(596, abs=3)


async def test_every_message_comes_twice(tmp_path: Path) -> None:
    async with playing(tmp_path) as played:
        await played.play("{device: leak, fault: duplicate}")
        async with listening(played, "zigbee/leak") as heard, asyncio.timeout(60):
            said = [await heard.get() for _ in range(4)]

    assert said[0] == said[1] or said[1] == said[2]


async def test_a_malformed_message_is_no_text(tmp_path: Path) -> None:
    async with playing(tmp_path) as played:
        await played.play("{device: leak, fault: malformed}")
        async with listening(played, "zigbee/leak") as heard, asyncio.timeout(60):
            while not (said := await heard.get()).endswith(b"\xff"):
                assert json.loads(said), "what was on its way before the fault is right"

    with pytest.raises(UnicodeDecodeError):
        said.decode()


@pytest.mark.parametrize(("way", "sign"), [("ahead", 1), ("behind", -1)])
async def test_a_wrong_clock_is_in_the_messages(tmp_path: Path, way: str, sign: int) -> None:
    async with playing(tmp_path) as played, listening(played, "rooms/cold") as heard:
        await played.play(f"{{device: cold-room, fault: wrong-clock, {way}: 2 h}}")
        async with asyncio.timeout(60):
            while True:
                off = json.loads(await heard.get())["at"] - time.time()
                if abs(off) > 60:
                    break

    assert off == pytest.approx(sign * 7200, abs=60)


async def test_a_broker_that_is_away_comes_back_with_its_devices(tmp_path: Path) -> None:
    async with playing(tmp_path) as played:
        await played.play("{connection: broker, fault: away, for: 5 s}")
        with pytest.raises(OSError, match="Connect call failed"):
            await asyncio.open_connection("127.0.0.1", played.port("broker"))
        await played.step(5)
        async with listening(played, "zigbee/leak") as heard:
            assert await asyncio.wait_for(heard.get(), 60)


# The file --------------------------------------------------------------------------------------------------

MISTAKES = {
    "{device: main, fault: ded}": "1:25: [0].fault: `ded` is no fault; did you mean `dead`?",
    "{device: mian, fault: dead}": "1:12: [0].device: the site has no device `mian`; did you mean `main`?",
    "{connection: celar, fault: away}": "the site has no connection `celar`; did you mean `cellar`?",
    "{device: main, fault: slow, dela: 3 s}": "1:31: [0].dela: `dela` is not a key here; did you mean `delay`?",
    "{device: main, fault: slow, delay: 3}": "write a time such as",
    "{device: main, fault: silent}": "`silent` is for mqtt, and `main` speaks modbus",
    "{device: leak, fault: busy}": "`busy` is for modbus, and `leak` speaks mqtt",
    "{device: garden, fault: dead}": "`dead` is for modbus, and `garden` has no connection",
    "{set: {device: rest, point: volume_m3, value: 3}}": "`rest` has no connection: nobody asks it",
    "{device: gas, fault: last-will}": "`gas` has no `availability:` and so no last will",
    "{connection: plant, fault: echo}": "`echo` is for serial lines",
    "{device: heat, fault: half-open}": "this fault is one of a connection",
    "{connection: broker, fault: backlog}": "this fault is one of a device",
    "{device: main, connection: cellar, fault: dead}": "write whom it meets",
    "{fault: dead}": "write whom it meets",
    "{device: main}": "`fault` is missing",
    "{device: main, fault: dead, every: 3 s}": "what comes again `every` so often lasts `for` a shorter time",
    "{device: main, fault: glitch, for: 3 s}": "this happens in a moment",
    "{device: main, fault: dip, point: power}": "`main` has no point `power`",
    "{device: water, fault: rollover}": "`modulus` is missing",
    "{device: heat, fault: refused, first: 9, last: 2}": "`first` is not above `last`",
    "{device: leak, fault: wrong-clock}": "write how wrong",
    "{set: {device: main, point: voltage_l1, value: 3}}": "did you mean `voltage_l1_v`?",
    "{set: {device: heat, point: energy_kwh, value: -3}}": "does not fit into uint32",
    "{set: {device: hot, point: energy_kwh, value: 3}}": "the site has no device `hot`",
    "{set: {device: heat, point: energy_kwh}}": "`value` is missing",
    "dead": "write keys with values",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, line: str) -> None:
    of = site(tmp_path)
    file = tmp_path / "faults.yaml"
    file.write_text(f"- {line}\n", "utf-8")

    with pytest.raises(SettingsInvalid) as caught:
        read_faults(file, of)

    (finding,) = caught.value.findings
    assert MISTAKES[line] in str(finding)
    assert str(finding).startswith(f"{file}:1:")


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "[]\n"])
def test_a_file_without_faults_is_fine(tmp_path: Path, text: str) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text(text, "utf-8")

    assert read_faults(file, site(tmp_path)) == []


def test_every_mistake_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text("".join(f"- {line}\n" for line in MISTAKES), "utf-8")

    with pytest.raises(SettingsInvalid) as caught:
        read_faults(file, site(tmp_path))

    assert len(caught.value.findings) == len(MISTAKES)


async def test_an_edited_file_leaves_the_clock_of_what_it_does_not_change(tmp_path: Path) -> None:
    busy = "{device: heat, fault: busy, from: 10 s, for: 10 s, every: 100 s}"
    async with playing(tmp_path) as played:
        await played.play(busy, "{device: water, fault: dead, for: 8 s}")
        await played.step(9)
        await played.play(busy, "{device: water, fault: slow, from: 5 s, for: 5 s}", at=9)
        for second in (10, 13.9, 14, 19, 20, 109, 110, 119, 120):
            await played.step(second)

    assert played.told == [
        "fault begins: water: dead",
        "fault ends: water: dead",
        "fault begins: heat: busy",
        "fault begins: water: slow",
        "fault ends: water: slow",
        "fault ends: heat: busy",
        "fault begins: heat: busy",
        "fault ends: heat: busy",
    ]


def test_the_table_of_faults_and_the_tests_agree() -> None:
    here = Path(__file__).read_text("utf-8").partition("MISTAKES = ")[0]
    parametrized = {line.split(",")[0] for line in (*ANSWERS, *WRONG)}

    assert [name for name in FAULTS if f"fault: {name}" not in here and name not in parametrized] == []
