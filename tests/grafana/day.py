"""A day and a half of data: a meter that is swapped, a leak, doors, alarms; as the sink writes them."""

import asyncio
import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from monitor import schema
from monitor.journal.state import State
from monitor.metering.account import Account
from monitor.metering.beside import beside
from monitor.model import Entry, Reading
from monitor.sinks.influxdb import InfluxSink
from monitor.site import Counter, InfluxSettings, Point
from tests.servers.influxdb import InfluxServer
from tests.sinks.site import a_site, event, reading, recorded, step

__all__ = ["BEGIN", "END", "MIDNIGHT", "energy", "fill_day", "ms"]

MIDNIGHT: Final = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
BEGIN: Final = MIDNIGHT - timedelta(hours=24)
END: Final = MIDNIGHT + timedelta(hours=12)
_MINUTE = 60_000


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def energy(minute: int) -> float:
    """A meter that is swapped at noon of the first day for one that shows 4000 kWh."""
    return 10_000.0 + minute * 0.5 if minute < 720 else 4_000.0 + (minute - 720) * 0.5


def _entries() -> Iterator[Entry]:
    """What was read, and what metering writes beside it."""
    accounts = {}
    for device, point in (("e-main", "energy_import_kwh"), ("w-main", "volume_m3"), ("g-main", "volume_m3")):
        known = a_site().devices[device]
        metered = Point(name=point, unit=schema.point_unit(point), counter=Counter())
        known = replace(known, scan={"fast": 60.0}, points={**known.points, point: metered})
        accounts[device] = known, Account(known, point, is_billed=True)
    for entry in _read():
        yield entry
        if isinstance(entry, Reading) and entry.device in accounts:
            device, account = accounts[entry.device]
            account.take(entry.time, float(entry.values[account.point]), entry.arrived, by_hand=False)
            derived = beside(device, [account], entry.time)
            if derived is not None:
                yield derived


def _read() -> Iterator[Entry]:
    for minute in range(36 * 60):
        time = ms(BEGIN) + minute * _MINUTE
        power = 5000.0 + 1000.0 * math.sin(minute / 200)
        yield reading(
            "e-main",
            time,
            power_w=power,
            energy_import_kwh=energy(minute),
            voltage_l1_v=230.0,
            voltage_l2_v=229.0,
            voltage_l3_v=190.0 if minute == 2159 else 231.0,
        )
        yield reading("e-shop", time, power_w=700.0, energy_import_kwh=minute * 0.01)
        yield reading("w-main", time, volume_m3=500.0 + minute * 0.01, flow_m3h=0.6)
        yield reading("g-main", time, volume_m3=8000.0 + minute * 0.02)
        yield reading("leak", time, alarm=minute >= 2000, battery_pct=90)
        yield reading("pump", time, running=True, fault=False)
        yield reading("front-door", time, open=minute % 60 == 0)
        yield reading("gate", time, open=minute % 60 > 0)
    noon = ms(MIDNIGHT) + 6 * 3_600_000
    yield step("raised", 1, time=noon)
    yield step("acknowledged", 2, time=noon + 60_000)
    yield step("cleared", 3, time=noon + 120_000)
    yield step("raised", 1, time=noon + 180_000, occurrence="o-2")
    yield step(
        "raised", 1, time=noon, occurrence="o-3", condition="clear", rule="door-forced", source_key="front-door"
    )
    for hour in range(6):
        yield event("opened", ms(MIDNIGHT) + hour * 3_600_000, device="front-door")
        yield event("card", ms(MIDNIGHT) + hour * 3_600_000, result="granted")
    yield event("forced", noon, device="front-door")
    yield event("card", noon, result="denied", reason="Expired")


def fill_day(server: InfluxServer, folder: Path) -> None:
    """Write it; `folder` is for the sink's own state."""
    server.create("facility", "facility-access")
    asyncio.run(_written(server, folder))


async def _written(server: InfluxServer, folder: Path) -> None:
    state = State.open(folder / "state.db")
    sink = InfluxSink(InfluxSettings(url=server.url), a_site(), state)
    batch = recorded(*_entries())
    for begin in range(0, len(batch), 5000):
        await sink.write(batch[begin : begin + 5000])
    await sink.close()
    await state.close()
