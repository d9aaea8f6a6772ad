"""Rules over what was recorded: the live engine, faster than life, on the processors there are."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from monitor.cycles import looking_seldom
from monitor.notify.routing import make_router
from monitor.site import InfluxSettings, Rule, Site
from monitor.trials.figures import Figures, Occurrence, Occurrences, figures_of
from monitor.trials.history import History
from monitor.trials.influx import LEFT_OUT, InfluxHistory
from monitor.trials.shares import shares_of
from monitor.trials.telling import Telling, Told
from monitor.trials.workers import spread
from rules.effects import Effects
from rules.engine import Engine
from rules.surroundings import Surroundings

__all__ = ["Loader", "Result", "Variant", "Wish", "backtest"]

_FORGET_EVERY: Final = 50
"""Batches after which the engine forgets what it would have kept."""

Changes = Mapping[str, Mapping[str, str]]
"""Rule -> key -> what is written there instead."""

_FEW: Final = 100_000
"""Entries that one process has judged before others have started."""

Loader = Callable[[Path, Changes], Site]
"""Loads a site file with changes; a function of a module, so that other processes can be told of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """Rules to try: those of a site file, with changes."""

    name: str
    file: Path
    changes: Changes = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is judged: a state folder, [start, end) in UTC ms, and these rules (None: all).

    `warm_up`: milliseconds before the start that are judged, too, and not counted: so that rules have learnt.
    `influx`: the InfluxDB that is read in place of the journal in `folder`.
    """

    folder: Path
    start: int
    end: int
    warm_up: int = 0
    rules: frozenset[str] | None = None
    influx: InfluxSettings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a variant would have done over `span` (UTC ms).

    `failures`: rules that failed, with the error. `entries` were judged, by all processes together; `damaged`
    could not be read. `begins`: when the oldest entry that is left was recorded (UTC ms); None: there is none.
    `without_access`: events of access could not be read.
    """

    variant: Variant
    span: tuple[int, int]
    figures: Sequence[Figures]
    occurrences: Sequence[Occurrence]
    told: Sequence[Told]
    failures: Sequence[tuple[str, str]]
    entries: int
    damaged: int
    begins: int | None
    without_access: bool = False


@dataclass(slots=True)
class _Part:
    """What one share made of it, for each variant."""

    occurrences: list[list[Occurrence]]
    told: list[list[Told]]
    failures: list[list[tuple[str, str]]]
    entries: int = 0
    damaged: set[int] = field(default_factory=set)
    without_access: bool = False


def backtest(
    loader: Loader,
    variants: Sequence[Variant],
    wish: Wish,
    reached: Callable[[int, int], None],
    *,
    processes: int | None = None,
) -> list[Result]:
    """Judge a period by each variant; `reached` is told how many entries of how many are done.

    Raises SettingsError and JournalError.
    """
    sites = [loader(one.file, one.changes) for one in variants]
    history = _open(wish, sites[0])
    try:
        begins = history.begins()
        after, until = history.span(wish.start - wish.warm_up, wish.end)
    finally:
        history.close()
    count = processes or (1 if until - after < _FEW else os.cpu_count() or 1)
    shares = max(len(shares_of(_rules(site, wish), Surroundings.of(site), count)) for site in sites)
    total = max(1, (until - after) * shares)
    jobs = [_Job(loader, tuple(variants), wish, (after, until), number, shares) for number in range(shares)]
    if len(jobs) == 1:
        with looking_seldom():
            parts = [_judge(jobs[0], lambda done: reached(done, total))]
    else:
        parts = spread(_judge, jobs, lambda done: reached(done, total))
    reached(total, total)
    return [
        _result(variant, site, wish, [_Made(part, number) for part in parts], begins)
        for number, (variant, site) in enumerate(zip(variants, sites, strict=True))
    ]


@dataclass(frozen=True, slots=True)
class _Made:
    """What a share made of one variant."""

    part: _Part
    variant: int


def _result(variant: Variant, site: Site, wish: Wish, made: Sequence[_Made], begins: int | None) -> Result:
    found: dict[str, Occurrence] = {}
    told: dict[tuple[object, ...], Told] = {}
    failures: dict[tuple[str, str], None] = {}
    for part, number in ((one.part, one.variant) for one in made):  # what each share judges is the same in each
        found |= {one.occurrence: one for one in part.occurrences[number]}
        told |= {(one.occurrence, one.kind, one.time, one.person, one.channel): one for one in part.told[number]}
        failures |= dict.fromkeys(part.failures[number])
    occurrences = sorted(found.values(), key=lambda one: (one.raised, one.rule, one.source_key))
    messages = sorted(told.values())
    names = [rule.id for rule in _rules(site, wish)]
    return Result(
        variant=variant,
        span=(wish.start, wish.end),
        figures=figures_of(names, occurrences, messages, (wish.start, wish.end), site.timezone),
        occurrences=[one for one in occurrences if wish.start <= one.raised < wish.end],
        told=[one for one in messages if wish.start <= one.time < wish.end],
        failures=tuple(failures),
        entries=sum(one.part.entries for one in made),
        damaged=len(set[int]().union(*(one.part.damaged for one in made))),
        begins=begins,
        without_access=any(one.part.without_access for one in made),
    )


def _rules(site: Site, wish: Wish) -> list[Rule]:
    return [
        rule
        for rule in site.rules.values()
        if (wish.rules is None or rule.id in wish.rules) and (wish.influx is None or rule.kind not in LEFT_OUT)
    ]


def _open(wish: Wish, site: Site) -> History | InfluxHistory:
    return History(wish.folder) if wish.influx is None else InfluxHistory(wish.influx, site)


# One share -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Job:
    loader: Loader
    variants: tuple[Variant, ...]
    wish: Wish
    span: tuple[int, int]
    number: int
    shares: int


def _judge(job: _Job, reached: Callable[[int], None]) -> _Part:
    """Judge one share by every variant: each entry is read once."""
    runs = [_Run(job.loader(one.file, one.changes), job) for one in job.variants]
    devices = frozenset[str]().union(*(run.devices for run in runs))
    history = _open(job.wish, runs[0].site)
    part = _Part([], [], [])
    try:
        found = history.entries(*job.span, devices if job.shares > 1 else None)
        for number, (position, batch) in enumerate(found, 1):
            part.entries += len(batch)
            for run in runs:
                run.take(run.engine.judge(batch))
                if number % _FORGET_EVERY == 0:
                    run.engine.dump_changed()
            reached(position - job.span[0])
    finally:
        history.close()
    part.damaged, part.without_access = history.damaged, history.without_access
    for run in runs:
        run.end(job.wish.end)
        part.occurrences.append(run.occurrences.all())
        part.told.append(run.told)
        part.failures.append(run.failures)
    return part


class _Run:
    """One variant over one share."""

    def __init__(self, site: Site, job: _Job) -> None:
        self.site = site
        around = Surroundings.of(site)
        shares = shares_of(_rules(site, job.wish), around, job.shares)
        mine = shares[job.number] if job.number < len(shares) else None
        self.devices = mine.devices if mine is not None else frozenset[str]()
        self.engine = Engine(mine.rules if mine is not None else (), around)
        self.telling = Telling(make_router(site, warns=False))
        self.occurrences = Occurrences()
        self.told: list[Told] = []
        self.failures: list[tuple[str, str]] = []

    def take(self, effects: Effects) -> None:
        self.failures += effects.failures
        for step in effects.steps:
            self.occurrences.take(step)
            self.told += self.telling.take(step)

    def end(self, time: int) -> None:
        self.take(self.engine.tick(time))
        self.told += self.telling.until(time)
