"""The demo's past: filling it in with a bar, and telling what it contains."""

import asyncio
import shlex
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import typer

from monitor.app.seeding import Month, begin_of, carry, half_done, month_of, seed, stories_of
from monitor.cli.progress import Watched
from monitor.periods import DAY, HOUR
from monitor.simulation.plot import DAYS
from monitor.site import Site

__all__ = ["give_past", "what_next"]

_INTERRUPTED: Final = 130

Say = Callable[[str], None]


def give_past(site: Site, folder: Path, days: int, say: Say) -> Month:
    """Fill in so many days before today, unless the state folder has a past already; say what it contains.

    Raises SettingsError when the folder has the state of a demo that ran without a past.
    """
    month = month_of(folder)
    if month is not None:
        since = _day(month.begin, site)
        say(f"{folder} has its past since {since} already, and goes on from there")
        return month
    if half_done(folder):
        say(f"a past was half filled in in {folder} when it was interrupted: it is begun anew")
    began = time.time()
    now = round(began * 1000)
    begin, stories = begin_of(days, site, now), begin_of(max(DAYS, days), site, now)
    try:
        month = _filled(site, folder, begin, stories)
    except KeyboardInterrupt:
        say("interrupted: the next start with --seed-days begins it anew")
        raise typer.Exit(_INTERRUPTED) from None
    _tell(site, folder, month, time.time() - began, say)
    _carry(site, folder, say)
    return month


def what_next(folder: Path, *, is_over: bool) -> list[str]:
    """Whole commands for a folder that has a past; reports are answered while the demo runs."""
    command, state = ".venv/bin/facility-monitor", shlex.quote(str(folder))
    lines = [
        f"  {command} report usage --period last-month --state {state}",
        f"  {command} report usage --period this-month --state {state}",
        f"  {command} grafana export DIR {shlex.quote(str(folder / 'site.yaml'))}",
    ]
    if is_over:
        return [
            "What to do next: let it go on, and in a second terminal look at what it has:",
            f"  {command} demo --state {state}",
            *lines,
        ]
    return ["What to do next, in a second terminal:", *lines]


def _filled(site: Site, folder: Path, begin: int, stories: int) -> Month:
    with Watched((round(time.time() * 1000) - begin) // HOUR, "hours of the past") as bar:
        return seed(
            site,
            folder,
            begin=begin,
            stories=stories,
            end=lambda: round(time.time() * 1000),
            tell=lambda at: bar.reach((at - begin) // HOUR),
        )


def _carry(site: Site, folder: Path, say: Say) -> None:
    """Let the sinks catch up, before the devices begin to speak."""
    sinks = [*site.influxdbs, *site.mqtt_sinks]
    if not sinks:
        return
    began = time.monotonic()
    with Watched(100, f"percent written to {', '.join(sinks)}") as bar:
        why = asyncio.run(carry(site, folder, lambda written, of: bar.reach(100 * written // max(1, of))))
    if why:
        say(f"not all of it is written to {', '.join(sinks)} ({why}); the demo goes on with it")
    else:
        say(f"all of it is written to {', '.join(sinks)}, in {time.monotonic() - began:.0f} s")


def _tell(site: Site, folder: Path, month: Month, took: float, say: Say) -> None:
    counts = month.counts
    days = round((month.end - month.begin) / DAY)
    say(f"{days} days since {_day(month.begin, site)} are filled in, in {took:.0f} s:")
    say(
        f"  {counts['readings']} readings, {counts['events']} events, {counts['alarms']} alarms, "
        f"{counts['derived']} figures worked out of them"
    )
    stories = stories_of(folder, site)
    for story in () if stories is None else stories.stories:
        if story.end > month.begin and story.begin < month.end:
            say(f"  {_day(story.begin, site)}  {story.name}")


def _day(at: int, site: Site) -> str:
    return f"{datetime.fromtimestamp(at / 1000, site.timezone):%Y-%m-%d}"
