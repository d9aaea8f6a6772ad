"""What does not fit on a bus, or hardly, and what would help: numbers that were reckoned, not guessed. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from math import floor, inf

from drivers.modbus.budget import Needs, needs_of, share_at
from drivers.modbus.connection import ConnectionModel
from monitor.ports import Hint
from monitor.schema import point_unit
from monitor.site import Device, Point

__all__ = ["TIGHT", "hints_of"]

TIGHT = 0.8
"""The share of its time from which on a bus has nothing left for what goes wrong."""

_INTERVALS = (0.2, 0.5, 1, 2, 3, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600)
_BAUDRATES = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)
_TIMEOUTS = (5.0, 3.0, 2.0, 1.0, 0.5, 0.3, 0.2, 0.1)
_COUNTERS = frozenset({"kWh", "kvarh", "kVAh", "m3"})
_SLOW = 300.0
_MOST_CONNECTIONS = 16
_STEP, _SHORTEST = 0.05, 0.1
"""Steps in which a shorter interval is proposed, and the shortest that a site file takes (seconds)."""
_MOST_LOST = 3
"""Cycles in a row that one silent device may cost the others before it is worth a word."""


def hints_of(options: ConnectionModel, needs: Sequence[Needs]) -> tuple[Hint, ...]:
    """Say what is wrong with the plan of a bus, and what deserves a look."""
    alone = [hint for of in needs for hint in (*_alone(options, of), *_unacknowledged(of.device))]
    busy = share_at(needs, options.connections)
    found = [*alone]
    if busy > 1 and len(needs) > 1:
        found.append(Hint(text=_told("the devices need", busy, options, needs), refuses=True))
    elif TIGHT < busy <= 1:
        found.append(Hint(text=_told("it is tight: the devices need", busy, options, needs)))
    if busy <= 1:
        found += [*_patience(options, needs), *_urgent(options, needs)]
    return tuple(found)


# One device ------------------------------------------------------------------------------------------------


def _alone(options: ConnectionModel, of: Needs) -> Iterator[Hint]:
    """A device that cannot be read as often as it is to be, though it were alone."""
    if of.alone(options.connections) <= 1:
        return
    worst = max(of.polls, key=lambda poll: poll.share)
    remedies = list(_remedies(options, [of], moves=False))
    yield Hint(
        device=of.device.id,
        text=f"one poll of its {worst.scan} points takes {_seconds(worst.takes)} and is to be made every "
        f"{_seconds(worst.every or 0)}{_what_helps(remedies)}",
        refuses=True,
    )


def _unacknowledged(device: Device) -> Iterator[Hint]:
    """A reader that waits for its card to be cleared, and nobody does."""
    if not device.address.acknowledge and any(event.acknowledge for event in device.events):
        yield Hint(
            device=device.id,
            text="it shows one card, and reads no other until that is cleared: with `acknowledge: true` the "
            "monitor clears it, in one register, once it has kept the event",
        )


def _urgent(options: ConnectionModel, needs: Sequence[Needs]) -> Iterator[Hint]:
    """Devices that show things for a moment, and may have to wait longer than that for their turn."""
    waits: list[tuple[Needs, float, float, float]] = []
    for of in needs:
        others = [other for other in needs if other is not of] if of.min_rate is not None else []
        every = of.device.scan.get("fast")
        if of.min_rate is None or every is None or len(others) < options.connections:
            continue
        turn = max(poll.takes for other in others for poll in other.polls)
        turn += sum(other.round for other in others if other.min_rate is not None) / options.connections
        silent = max(poll.fails for other in others for poll in other.polls)
        if every + turn > of.min_rate:
            waits.append((of, of.min_rate, turn, silent))
    if waits:
        of, rate, turn, silent = waits[0]
        many = f" (and {len(waits) - 1} more)" if len(waits) > 1 else ""
        yield Hint(
            device=of.device.id,
            text=f"it has to be asked every {_seconds(rate)}{many}, and may wait {_seconds(turn)} for its turn, "
            f"{_seconds(silent)} while another device does not answer: give it "
            f"{'a line' if options.is_line else 'an endpoint'} of its own{_or_faster(of, rate - turn)}",
        )


def _or_faster(of: Needs, room: float) -> str:
    """A shorter interval that leaves a device the time to wait for its turn, where there is one."""
    every = floor(room / _STEP + 1e-9) * _STEP
    longest = max(poll.takes for poll in of.polls)
    return f", or set `every: {_seconds(every)}`" if every >= max(_SHORTEST, longest / TIGHT) else ""


# The whole bus ---------------------------------------------------------------------------------------------


def _told(what: str, busy: float, options: ConnectionModel, needs: Sequence[Needs]) -> str:
    percent = max(101, round(100 * busy)) if busy > 1 else round(100 * busy)
    return f"{what} {percent} % of its time{_what_helps(list(_remedies(options, needs)))}"


def _patience(options: ConnectionModel, needs: Sequence[Needs]) -> Iterator[Hint]:
    """A time-out with which one silent device costs all others cycle after cycle."""
    usual = [of for of in needs if of.min_rate is None]  # of the others, _urgent tells
    fast = min((poll.every for of in usual for poll in of.polls if poll.every is not None), default=inf)
    held = max(poll.fails for of in needs for poll in of.polls)
    if len(needs) <= options.connections or held < _MOST_LOST * fast:
        return
    tries = options.retries + 1
    bytes_ = held / tries - options.timeout
    enough = [each for each in _TIMEOUTS if tries * (each + bytes_) < _MOST_LOST * fast]
    change = f"set `timeout: {_seconds(enough[0])}`" if enough else "set `retries: 0` and a shorter `timeout`"
    yield Hint(
        text=f"a device that does not answer holds up the others for {_seconds(held)}, and some are to be asked "
        f"every {_seconds(fast)}: {change}, if all devices answer in that time"
    )


def _remedies(options: ConnectionModel, needs: Sequence[Needs], *, moves: bool = True) -> Iterator[str]:
    """Changes of which each by itself leaves the bus room."""
    connections = options.connections
    for interval in _INTERVALS:
        if share_at(needs, connections, least=interval) <= TIGHT:
            yield f"poll every {_seconds(interval)}"
            break
    counters = [of for of in needs if _counters(of.device)]
    if counters:
        known: dict[int, Point] = {}
        slow = [needs_of(options, _with_slow_counters(of.device, known)) for of in needs]
        if share_at(slow, connections) <= TIGHT:
            names = sorted({name for of in counters for name in _counters(of.device)})
            yield f"read {_some(names)} with `scan: slow`"
    if moves and len(needs) > 1:
        yield _move(needs, connections, "line" if options.is_line else "endpoint")
    yield from _faster(options, needs)


def _faster(options: ConnectionModel, needs: Sequence[Needs]) -> Iterator[str]:
    """More speed on a line, more connections to an endpoint in the network."""
    if options.is_line:
        for baudrate in _BAUDRATES:
            if baudrate > options.line.baudrate:
                there = options.model_copy(update={"baudrate": baudrate})
                if share_at([needs_of(there, of.device) for of in needs], options.connections) <= TIGHT:
                    yield f"raise the baud rate to {baudrate}"
                    break
        return
    for enough in range(options.connections + 1, _MOST_CONNECTIONS + 1):
        if share_at(needs, enough) <= TIGHT and all(of.alone(enough) <= TIGHT for of in needs):
            yield f"set `connections: {enough}`, if the endpoint answers so many at once"
            break


def _move(needs: Sequence[Needs], connections: int, place: str) -> str:
    """How many devices have to go, the busiest first; to several lines where one would not carry them either."""
    shares = sorted((of.share / connections for of in needs), reverse=True)
    left, moved = sum(shares), 0
    while left > TIGHT:
        left -= shares[moved]
        moved += 1
    if sum(shares[:moved]) <= TIGHT:
        return f"move {moved} of the {len(needs)} devices to another {place}"
    return f"spread the {len(needs)} devices over {_lines(shares)} {place}s"


def _lines(shares: Iterable[float]) -> int:
    """How many lines carry devices of these shares, the busiest first, each to the first that has room."""
    lines: list[float] = []
    for share in shares:
        at = next((n for n, used in enumerate(lines) if used + share <= TIGHT), None)
        if at is None:
            lines.append(share)
        else:
            lines[at] += share
    return len(lines)


def _counters(device: Device) -> list[str]:
    """Points that are read often and change slowly."""
    return [name for name, of in device.points.items() if of.scan == "fast" and point_unit(name) in _COUNTERS]


def _with_slow_counters(device: Device, known: dict[int, Point]) -> Device:
    """A device whose counters are read slowly; `known` keeps the points that devices share the same."""
    points = dict(device.points)
    for name in _counters(device):
        of = points[name]
        points[name] = known.setdefault(id(of), replace(of, scan="slow"))
    left = {of.scan for of in points.values()}
    scan = {"slow": max(_SLOW, device.scan.get("fast") or 0.0)} | dict(device.scan)
    return replace(device, points=points, scan={name: every for name, every in scan.items() if name in left})


# Words -----------------------------------------------------------------------------------------------------


def _what_helps(remedies: Sequence[str]) -> str:
    return f"; any of these helps: {', '.join(remedies)}" if remedies else ""


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:3])
    return shown + (f" and {len(names) - 3} more" if len(names) > 3 else "")  # noqa: PLR2004 - those that are shown


def _seconds(time: float) -> str:
    """A time as the site file has it."""
    if time < 1:
        return f"{1000 * time:.0f} ms"
    if time >= 120 and time % 60 == 0:  # noqa: PLR2004 - whole minutes from two on
        return f"{time / 60:.0f} min"
    return f"{time:.3g} s"
