"""Serving the API: its libraries are loaded in a thread, so that the first polls need not wait for them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from monitor.app.console import ConsoleParts
from monitor.app.loading import examine_influx
from monitor.clock import Clock
from monitor.journal.sqlite import SqliteJournal
from monitor.sinks.influxdb.thread import BlockingThread
from monitor.site import Site
from monitor.web.parts import Parts as ApiParts

__all__ = ["examine", "serve"]


async def serve(
    parts: ApiParts,
    journal: SqliteJournal,
    socket: Path,
    memories: list[Callable[[str], int]],
    console: ConsoleParts,
) -> None:
    """Serve the API on its socket, and for browsers and metrics where the site wants that, until cancelled.

    `memories`: gets what forgets somebody in the newest events, which are in memory.
    """
    make_api, live_state, serve_socket = await asyncio.to_thread(_web)
    live = live_state(parts.site, journal)
    memories.append(live.erase)
    api = make_api(parts, live)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(live.run(), name="live state")
        tasks.create_task(serve_socket(api, socket), name="api server")
        tasks.create_task(console.serve(api), name="console")
        if parts.site.monitor.metrics is not None:
            serve_metrics = await asyncio.to_thread(_metrics)
            tasks.create_task(serve_metrics(parts, *parts.site.monitor.metrics), name="metrics")


async def examine(site: Site, clock: Clock, sink: str) -> Sequence[Mapping[str, Any]]:
    """Look at the site's InfluxDBs, or at that of one sink, in a thread of its own, and say what is wrong."""
    thread = BlockingThread("influx-check")
    try:
        return await thread.do(lambda: examine_influx(site, clock.now, sink))
    finally:
        thread.end(lambda: None)


def _web() -> tuple[Any, Any, Any]:
    from monitor.web.api import make_api
    from monitor.web.live import LiveState
    from monitor.web.server import serve

    return make_api, LiveState, serve


def _metrics() -> Any:
    from monitor.web.metrics import serve_metrics

    return serve_metrics
