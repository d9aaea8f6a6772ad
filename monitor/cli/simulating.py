"""What `simulate` does: a site's devices on this machine, as a process of their own."""

import asyncio
import contextlib
import json
import signal
import time
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from monitor.app import load_site
from monitor.errors import SettingsError
from monitor.site import Site

if TYPE_CHECKING:
    from monitor.simulation.serve import SimulatedSite
    from monitor.simulation.stories import Stories

__all__ = ["READY", "REST", "TRUTH", "TRUTH_EVERY", "serve"]

READY: Final = "ready"
"""What is printed once all servers listen."""
TRUTH: Final = "truth: "
"""What a line begins with that says in JSON what really happened."""
TRUTH_EVERY: Final = 0.2
"""Seconds."""
REST: Final = signal.SIGUSR1
"""Lets nobody set out any more."""


def serve(
    file: Path,
    *,
    faults: Path | None,
    incidents: bool,
    residents: Path | None,
    month_from: str | None,
    seconds: float | None,
    say: Callable[[str], None],
) -> None:
    """Serve a site file's devices on this machine until told to end, or for `seconds`.

    `residents`: where it is noted who is inside. `month_from`: the local time at which a
    month of stories began. With `incidents`, nobody sets out any more after SIGUSR1.
    """
    from monitor.simulation.happened import come_back
    from monitor.simulation.incidents import DEMO, play
    from monitor.simulation.serve import SimulatedSite
    from monitor.simulation.world import World

    site = load_site(file).site
    stories = None if month_from is None else _stories(site, month_from)
    world = World(site, stories=stories, pumps_follow_water=not incidents)

    def tell(text: str) -> None:
        say(f"{datetime.now(world.site.timezone):%H:%M:%S}  {text}")

    simulated = SimulatedSite(world, faults=faults, tell=tell)

    async def run() -> None:
        ready = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(simulated.run(ready.set), name="simulated site")
            await ready.wait()
            say(READY)
            if incidents:
                tasks.create_task(play(simulated.stage, DEMO, say), name="incidents")
                tasks.create_task(_tell_truth(simulated, residents, say), name="what is true")
                asyncio.get_running_loop().add_signal_handler(REST, simulated.rest)

    if residents is not None:
        come_back(residents, simulated.residents)
    asyncio.run(_until_told(run, seconds))


def _stories(site: Site, month_from: str) -> "Stories":
    from monitor.metering.written import moment
    from monitor.simulation.stories import Stories

    try:
        return Stories(site, moment(month_from, site.timezone, round(time.time() * 1000)))
    except ValueError as error:
        raise SettingsError(f"--month-from: {error}") from error


async def _tell_truth(simulated: "SimulatedSite", residents: Path | None, say: Callable[[str], None]) -> None:
    """Say what really happened whenever that changes: the demo holds the monitor against it."""
    from monitor.simulation.happened import go_home

    told: dict[str, Any] = {}
    while True:
        found = simulated.truth()
        if found != told:
            told = found
            say(TRUTH + json.dumps(told))
            if residents is not None:
                go_home(residents, simulated.residents)
        await asyncio.sleep(TRUTH_EVERY)


async def _until_told(run: Callable[[], Coroutine[Any, Any, None]], seconds: float | None) -> None:
    task = asyncio.create_task(run())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await asyncio.wait([task], timeout=seconds)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        try:
            await task
        except* OSError as errors:
            raise SettingsError(f"the simulated servers cannot listen: {errors.exceptions[0]}") from errors
