"""What metering has worked out, as the API, reports and people see it. Times are UTC ms, periods [start, end).

Amounts are in the unit of the counter (kWh, m3), rates in W or m3/h, money in the currency of the tariff.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final, Protocol

__all__ = [
    "CAUSES",
    "Break",
    "Consumption",
    "Cost",
    "CostLine",
    "DayCoverage",
    "Register",
    "UsageBook",
]

CAUSES: Final = ("bus", "unit", "database", "off", "clock", "unknown")
"""Why samples were lost: nothing of the connection answered; this device alone did not; the journal could not keep
them; the monitor did not run; the clock was set; no reason was seen (a late cycle that was left out, mostly)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """Where a counter did not simply count on.

    `cause`: gap, rollover, reset, replaced, jump, corrected. `start` and `end`: the samples around it (UTC ms),
    with what the register showed (None: nobody knows). `amount`: what is booked for it. `lost`: whether that is a
    guess. `by`, `reason` and the id of the `command`: of what a person said.
    """

    cause: str
    start: int
    end: int
    start_register: float | None = None
    end_register: float | None = None
    amount: float = 0.0
    lost: bool = False
    by: str = ""
    reason: str = ""
    command: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumption:
    """What one counter counted in one period.

    `amount` is None when nothing is known. `estimated`: the part of it (same unit) that lies in gaps at the
    period's edges, or was lost. `known`: the share (0 to 1) of the period that is known at all; `is_complete`: it
    is over and wholly known. `demand_max`: the greatest mean of a quarter of an hour that is over, at `demand_at`
    (its begin); `base`: the least. `energy`: of gas, in kWh.
    """

    device: str
    point: str
    unit: str
    start: int
    end: int
    amount: float | None
    estimated: float = 0.0
    known: float = 0.0
    is_complete: bool = False
    start_register: float | None = None
    end_register: float | None = None
    demand_max: float | None = None
    demand_at: int | None = None
    base: float | None = None
    energy: float | None = None
    breaks: tuple[Break, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLine:
    """One line of an invoice: `quantity` `unit` at `price` is `cost`, rounded to the cent.

    `what`: band, standing, demand or tax; `name`: the band's.
    """

    what: str
    name: str
    quantity: Decimal
    unit: str
    price: Decimal
    cost: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one meter cost in one period, by its tariff.

    `estimated`: the part of the consumption that is estimated.
    """

    device: str
    tenant: str
    tariff: str
    currency: str
    start: int
    end: int
    lines: tuple[CostLine, ...]
    total: Decimal
    carbon_kg: Decimal
    amount: Decimal
    unit: str
    estimated: Decimal = Decimal(0)
    is_complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCoverage:
    """What a device should have said on a local day, and what it did; `lost` by cause, of `CAUSES`.

    expected = received + lost, as far as the day has gone; `late` are those of `received` that came more than two
    minutes after their time.
    """

    device: str
    day: date
    expected: int
    received: int
    late: int
    lost: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """How a counter stands now.

    `register` was read at `time`. `pending`: values that are held because they do not fit (newest last), with
    `doubt`, why. `rate` in W or m3/h; `demand`: the mean of the running quarter of an hour so far, `predicted`:
    what it will come to. `first`: since when it is metered.
    """

    device: str
    point: str
    unit: str
    is_billed: bool
    register: float | None = None
    time: int | None = None
    serial: str = ""
    pending: tuple[float, ...] = ()
    doubt: str = ""
    rate: float | None = None
    demand: float | None = None
    predicted: float | None = None
    first: int | None = None


class UsageBook(Protocol):
    """What can be asked about meters. Nothing here blocks the loop; unknown devices are left out."""

    def registers(self, device: str | None = None) -> Sequence[Register]:
        """Every counter of a device, or of all meters, as it stands now."""

    async def consumption(
        self, devices: Sequence[str], start: int, end: int, *, per: str = "", points: Sequence[str] = ()
    ) -> Sequence[Consumption]:
        """What each device used, by device, counter and time; virtual meters too.

        `per`: quarter, hour, day or month of the site's zone; empty: the whole at once. `points`: counters by
        name; empty: the one that each meter is billed by. A period that reaches into the future is answered up to
        now.
        """

    async def costs(self, devices: Sequence[str], start: int, end: int) -> Sequence[Cost]:
        """What each device cost, one `Cost` per tariff that applies; those without a tariff are left out."""

    async def coverage(self, devices: Sequence[str], first: date, last: date) -> Sequence[DayCoverage]:
        """What each device said on each local day, both days included; by device and day."""
