"""What to look at when a device does badly, from what was seen on the wire. Pure: no I/O, no clock."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from drivers.modbus.connection import SERIAL, ConnectionModel
from drivers.modbus.traffic import ANSWER, Seen

__all__ = ["Case", "advice"]

_ECHO: Final = "The adapter hears what it says itself: set `echo: true`, or switch its echo off."
_SUNSPEC: Final = (
    "check `unit` and the profile (201 to 204 hold whole numbers, 211 to 214 floats), and whether SunSpec is"
    " switched on in the device."
)
_LOST: Final = 2
"""Requests in a row without an answer after which a device is silent, not slow: those that suspend it."""
_RARE: Final = 0.02
"""The share of failures among the latest requests below which there is nothing to say."""


@dataclass(frozen=True, slots=True)
class Case:
    """A device, its connection, and whether others on the same connection answer."""

    options: ConnectionModel
    unit: int
    seen: Seen
    neighbours: bool = False

    @property
    def recent(self) -> Counter[str]:
        """The outcomes of the latest requests, by kind."""
        return Counter(self.seen.recent)

    @property
    def is_port(self) -> bool:
        """Whether the line is at this machine."""
        return self.options.transport in SERIAL


def advice(case: Case) -> str:
    """Answer one or two sentences for a technician; nothing while all is well."""
    seen = case.seen
    told = ""
    if seen.recent and case.recent[ANSWER] < (1 - _RARE) * len(seen.recent):
        told = next((text for judge in _JUDGES if (text := judge(case))), "")
    if seen.sunspec:
        told = f"{seen.sunspec[:1].upper()}{seen.sunspec[1:]}: {_SUNSPEC}"
    if seen.echo and not case.options.echo and "no_connection" not in seen.recent:
        told = f"{told} {_ECHO}".strip()
    return told


def _no_connection(case: Case) -> str:
    if case.seen.recent[-1] != "no_connection":
        return ""
    trouble, place = case.seen.trouble, case.options.place
    if case.is_port:
        return f"The port cannot be opened {trouble}."
    if "refused" in trouble:
        return (
            f"The address answers, and nobody listens at {place}: check `port`, and the converter's mode (server)."
        )
    if "name" in trouble.lower():
        return (
            "The `host` is not known: check its spelling, then the name server (`getent hosts NAME`); or write its"
            " address."
        )
    if "TLS" in trouble or "certificate" in trouble:
        return f"No connection with TLS: {trouble.strip('()')}."
    return f"Nobody answers at {place}: check power and network cable of the device or converter, and `host`."


def _closed(case: Case) -> str:
    if case.recent["closed"] * 2 < _failures(case):
        return ""
    if case.is_port:
        return "The port goes away while it is used: check the USB plug, cable and hub, and the adapter's power."
    if "certificate" in case.seen.trouble:
        return f"The other end closes the connection{case.seen.trouble}."
    return (
        "The other end closes the connection: it may allow fewer connections than are open (other programs count),"
        " or need a rest (`pause_after_connect`, `pause_between_requests`)."
    )


def _gateway(case: Case) -> str:
    if not case.recent["gateway"]:
        return ""
    code = 11 if case.seen.codes[11] else 10
    return (
        f"The gateway works and cannot reach unit {case.unit} (exception {code}): check the wiring behind it, the"
        " device's power and unit id, and the baud rate that is set in the gateway."
    )


def _foreign(case: Case) -> str:
    seen = case.seen
    if not case.recent["foreign"]:
        return ""
    if seen.master and case.options.is_line:
        return "Somebody else asks on this line too: a line has one master; switch the other one off."
    if not seen.units:
        return "Answers come after their time: raise `timeout`."
    who = ", ".join(map(str, sorted(seen.units)))
    where = (
        "two devices may have the same unit id" if case.options.is_line else "the gateway may answer for others"
    )
    return f"Unit {who} answers what unit {case.unit} is asked: {where}; check the unit ids one device at a time."


def _noise(case: Case) -> str:
    recent = case.recent
    bad = recent["checksum"] + recent["garbled"]
    if not bad:
        return ""
    if not case.options.is_line:
        return "Bytes come that are no answer: check what is spoken there (Modbus TCP, or RTU over TCP?)."
    if not case.seen.answers:
        return (
            "Bytes come, and never a frame: baud rate or parity differ from the device's (here"
            f" {case.options.line}), or A and B are swapped."
        )
    if recent[ANSWER]:
        return (
            "Frames arrive damaged now and then: check termination (120 ohm at both ends), shield and ground,"
            " loose contacts, the length of the cable; and that only one master asks."
        )
    return (
        "Only damaged frames arrive: check the cable, and what was changed on the line (baud rate, a new device)."
    )


def _refused(case: Case) -> str:
    recent = case.recent
    if recent["refused"] * 2 < _failures(case):
        return ""
    codes = ", ".join(str(code) for code in sorted(case.seen.codes) if code not in (5, 6, 10, 11))
    what = "some of what it is asked" if recent[ANSWER] else "whatever it is asked"
    return (
        f"The device answers and refuses {what} (exception {codes}): wrong address or table; check the profile"
        " against the device's manual and model."
    )


def _busy(case: Case) -> str:
    if case.recent["busy"] * 2 < _failures(case):
        return ""
    return "The device says that it is busy: ask it less often (`every`), or rest between requests."


def _silent(case: Case) -> str:
    seen, options = case.seen, case.options
    if not seen.answers:
        return _never_heard(case)
    if ANSWER not in list(seen.recent)[-_LOST:]:
        return (
            f"It has answered before and is silent: check the device's power{', and its wires' * options.is_line}."
        )
    if seen.latency is not None and seen.latency > options.timeout / 3:
        return f"The device is slow (an answer takes {seen.latency * 1000:.0f} ms): raise `timeout`."
    return (
        "Some requests stay without an answer: the device may be slow at times (raise `timeout`), need a rest"
        " (`pause_between_requests`), or lose bytes to a bad cable."
    )


def _never_heard(case: Case) -> str:
    if not case.options.is_line:
        return (
            f"The connection stands, and unit {case.unit} has never answered: check `unit` (devices without a line"
            " behind them want 1 or 255), and wiring and power behind the converter."
        )
    if case.neighbours:
        return (
            f"Not a byte came from unit {case.unit}, and others on the line answer: check its power, its unit id,"
            " its baud rate, and A and B at its terminals."
        )
    return (
        "Not a byte was heard: check power, A and B (swapped?), the unit id, baud rate and parity"
        f" (here {case.options.line}), and that the converter is the one on this line."
    )


def _failures(case: Case) -> int:
    return len(case.seen.recent) - case.recent[ANSWER]


_JUDGES: Final[Sequence[Callable[[Case], str]]] = (
    _no_connection,
    _closed,
    _gateway,
    _foreign,
    _noise,
    _refused,
    _busy,
    _silent,
)
