"""A daemon that is asked about meters, and what people write, in the time and the units of its site."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

import typer

if TYPE_CHECKING:
    from monitor.cli.client import Client

__all__ = ["Asking", "Meter", "until"]

T = TypeVar("T")

Meter = Annotated[str, typer.Argument(metavar="METER", help="The meter's id.")]
_JUDGED_WITHIN = 5.0


@dataclass(frozen=True, slots=True)
class Asking:
    """A daemon that is asked, the zone of its site, and its time (UTC ms)."""

    client: "Client"
    zone: ZoneInfo
    now: int

    @classmethod
    def of(cls, socket: Path | None, state: Path | None) -> "Asking":
        """Ask the daemon where and when it is."""
        from monitor.cli.client import Client

        client = Client(socket, state)
        status = client.get("status")
        return cls(client, ZoneInfo(status["timezone"]), status["now"])

    def moment(self, option: str, text: str) -> int:
        """A local time as UTC ms."""
        from monitor.metering.written import moment

        return _understood(option, lambda: moment(text, self.zone, self.now))

    def amount(self, option: str, text: str, unit: str) -> float:
        """A number in a unit."""
        from monitor.metering.written import amount

        return _understood(option, lambda: amount(text, unit))

    def register(self, option: str, text: str, counter: dict[str, Any]) -> float:
        """What a display shows, as it is kept: multiplied behind transformers that the meter does not know."""
        return self.amount(option, text, counter["unit"]) * float(counter["ratio"])

    def clock(self, at: int) -> str:
        """A moment as people of the site write it."""
        from monitor.metering.written import clock

        return clock(at, self.zone)

    def counter(self, meter: str, name: str) -> dict[str, Any]:
        """The counter that is meant, as it stands, with the `ratio` of its display."""
        known = self.client.get("meters", meter)
        counters = known["counters"]
        for each in counters:
            if each["point"] == name or (not name and each["billed"]):
                return {**each, "ratio": known["ratio"]}
        if not counters:
            raise typer.BadParameter(f"{meter} is reckoned from other meters: say it of the one that is meant")
        names = ", ".join(each["point"] for each in counters)
        raise typer.BadParameter(f"{meter} has the counters {names}", param_hint="--counter")


def _understood(option: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong), param_hint=option) from None


def until(look: Callable[[], T | None]) -> T | None:
    """What `look` finds, once it does; None when that takes longer than some seconds."""
    deadline = time.monotonic() + _JUDGED_WITHIN
    while True:
        found = look()
        if found is not None or time.monotonic() > deadline:
            return found
        time.sleep(0.1)
