"""The month of the demo's house, with all its stories, as its monitor writes it into InfluxDB.

It always ends on the same Friday evening: what panels show does not depend on the day on which tests run. The days
of the plot run from the 21st of October on, and the hour that is put back is among them.
"""

import asyncio
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import config
from monitor.app import load_site
from monitor.app.seeding import begin_of, seed
from monitor.journal.codec import decode
from monitor.journal.state import State
from monitor.model import Position, Recorded
from monitor.simulation.plot import DAYS
from monitor.simulation.stories import Stories
from monitor.simulation.world import World
from monitor.sinks.influxdb import InfluxSink
from monitor.site import InfluxSettings, Site
from tests.servers.influxdb import InfluxServer

__all__ = ["BEGIN", "END", "NOW", "ZONE", "fill_month", "site", "stories", "world"]

ZONE: Final = ZoneInfo("Europe/Berlin")
NOW: Final = datetime(2026, 11, 20, 18, 10, tzinfo=ZONE)
END: Final = round(NOW.timestamp() * 1000)
_BATCH: Final = 5000


@cache
def site() -> Site:
    """The demo's site."""
    return load_site(Path(config.__path__[0]) / "demo.yaml").site


BEGIN: Final = begin_of(DAYS, site(), END)
"""When the month begins (UTC ms)."""


def stories() -> Stories:
    """What happens in it."""
    return Stories(site(), BEGIN)


def world() -> World:
    """The simulated house, which alone knows what was truly used."""
    return World(site(), stories=stories())


def fill_month(server: InfluxServer, folder: Path) -> None:
    """Fill in the month on the road of the demo, and write it; `folder` is for the monitor's state."""
    server.create("facility", "facility-access")
    state = folder / "state"
    state.mkdir()
    seed(site(), state, begin=BEGIN, stories=BEGIN, end=lambda: END)
    asyncio.run(_written(server, state))
    shutil.rmtree(state)


async def _written(server: InfluxServer, folder: Path) -> None:
    state = State.open(folder / "sink.db")
    sink = InfluxSink(InfluxSettings(url=server.url), site(), state)
    for batch in _batches(folder / "journal.db"):
        await sink.write(batch)
    await sink.close()
    await state.close()


def _batches(journal: Path) -> Iterator[Sequence[Recorded]]:
    with closing(sqlite3.connect(journal)) as db:
        rows = db.execute("SELECT position, recorded, kind, body FROM entries ORDER BY position")
        while found := rows.fetchmany(_BATCH):
            yield [Recorded(Position(at), stamp, decode(kind, body)) for at, stamp, kind, body in found]
