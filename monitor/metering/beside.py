"""What metering writes beside the readings: deltas of counters, rates where the meter says none, and demand."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from monitor.derivedpoints import BESIDE_EVERY, RATES
from monitor.metering.account import Account
from monitor.metering.rollup import PRODUCER
from monitor.metering.step import Cause
from monitor.model import Derived, Event, Value
from monitor.periods import QUARTER
from monitor.schema import delta_name
from monitor.site import Device

__all__ = ["EVERY", "beside", "demands", "events"]

EVERY: Final = BESIDE_EVERY
"""Milliseconds between two such entries of a meter at least: a quick poll shall not double the journal."""

_DIGITS: Final = 9


def beside(device: Device, accounts: Sequence[Account], time: int) -> Derived | None:
    """The entry beside the reading of `time`: what was counted since the one before; None: nothing, or too soon.

    A meter has one at a time, for all its counters: a second one of the same time would be refused.
    """
    told_at = max((account.told_at for account in accounts if account.told_at is not None), default=None)
    if told_at is not None and 0 <= time - told_at < EVERY:
        return None
    values: dict[str, Value] = {}
    for account in accounts:
        if account.delta_since is None:
            continue
        values[delta_name(account.point)] = round(account.delta, _DIGITS)
        account.delta, account.delta_since = 0.0, None
        if account.is_billed and account.unit in RATES:
            values |= _rates(device, account)
    if not values:
        return None
    for account in accounts:
        account.told_at = time
    return Derived(
        producer=PRODUCER, key="", device=device.id, time=time, measurement=device.device_class, values=values
    )


def _rates(device: Device, account: Account) -> dict[str, Value]:
    quantity, suffix = RATES[account.unit]
    found: dict[str, Value] = {}
    rate, running = account.pace.rate(), account.running()
    sliding = account.pace.sliding() if account.shows_demand else None
    if rate is not None and f"{quantity}_{suffix}" not in device.points:
        found[f"{quantity}_{suffix}"] = round(rate, _DIGITS)
    if running is not None:
        found[f"demand_predicted_{suffix}"] = round(running[1], _DIGITS)
    if sliding is not None:
        found[f"demand_sliding_{suffix}"] = round(sliding, _DIGITS)
    return found


def demands(device: Device, account: Account) -> Iterable[Derived]:
    """The demand of each quarter of an hour that has ended, at its end; holes are drawn, and have none."""
    if not account.shows_demand or account.unit not in RATES:
        return
    suffix = RATES[account.unit][1]
    holes = [step for step in account.steps if step.cause is Cause.GAP]
    for quarter, amount in account.pace.closed:
        if any(hole.start <= quarter * QUARTER and hole.end >= (quarter + 1) * QUARTER for hole in holes):
            continue
        yield Derived(
            producer=PRODUCER,
            key="demand",
            device=device.id,
            time=(quarter + 1) * QUARTER,
            measurement=device.device_class,
            values={f"demand_{suffix}": round(account.pace.mean(amount), _DIGITS)},
        )


def events(account: Account) -> list[Event]:
    """What the counter has done, as events with their evidence; two of a kind at one time are two events."""
    found: list[Event] = []
    seen = Counter[str]()
    for told in account.told:
        ident = f"{told.kind}-{account.point}-{told.time}"
        seen[ident] += 1
        found.append(
            Event(
                device=account.device,
                kind=told.kind,
                time=told.time,
                arrived=told.time,
                id=ident if seen[ident] == 1 else f"{ident}-{seen[ident]}",
                attributes={"point": account.point, **told.attributes},
            )
        )
    return found
