"""The report `notifications`: who was told of what, who was woken for what, and whether that was worth it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from monitor.performance.messages import Outgoing
from monitor.periods import DAY, local_day
from monitor.reports.meters import Asked, Notebook
from monitor.reports.report import Column, Headline, Phrase, Report, Row, Section
from monitor.staff import Person

if TYPE_CHECKING:
    from datetime import date

__all__ = ["notifications"]

_SEVERITIES: Final = ("critical", "high", "medium", "low")
_WAKES: Final = frozenset({"raise", "severity", "remind", "chatter"})
_PUT_OFF: Final = frozenset({"quiet", "budget"})
_BY_ITSELF: Final = 600_000
"""Milliseconds: what was over so soon, and nobody had acknowledged, perhaps need not have woken anybody."""
_HALF_A_DAY: Final = DAY // 2
_KEPT: Final = 400 * DAY
_MINUTE: Final = 60_000
_MOST_ROWS: Final = 100


async def notifications(asked: Asked) -> Report:
    """Make the report."""
    book = Notebook()
    start, end = asked.period.start, asked.so_far
    if asked.books.messages is None or start >= end:
        nothing = "no_messages_kept" if asked.books.messages is None else ""
        return asked.report("notifications", is_complete=False, book=book, nothing=nothing)
    rows = [one for one in await asked.books.messages.messages(start, end) if _is_about(one, asked.chosen)]
    by_person: dict[str, list[Outgoing]] = defaultdict(list)
    for one in rows:
        by_person[one.person].append(one)
    people = {name: asked.site.notify.people.get(name) or _unknown(name) for name in sorted(by_person)}
    sections = [
        *_people(asked, people, by_person, book),
        *_channels(people, by_person),
        *_nights(asked, people, by_person, book),
    ]
    is_kept = start >= asked.now - _KEPT
    if not is_kept:
        book.note("messages_gone")
    return asked.report(
        "notifications",
        is_complete=is_kept and not asked.is_running,
        headlines=_headlines(asked, people, by_person),
        sections=sections,
        details=_details(people, rows),
        book=book,
        nothing="",
    )


def _is_about(one: Outgoing, chosen: frozenset[str] | None) -> bool:
    return chosen is None or one.source_key.partition("/")[0] in chosen


def _unknown(name: str) -> Person:
    """Somebody who is no longer in the settings."""
    return Person(id=name, name=name, language="", channels={})


def _messages(rows: Iterable[Outgoing]) -> list[Outgoing]:
    """One for each message: the same over two channels is one."""
    return list({one.notification: one for one in reversed(list(rows)) if one.is_message}.values())[::-1]


def _at_night(asked: Asked, person: Person, rows: Iterable[Outgoing]) -> list[Outgoing]:
    return [one for one in rows if person.night.is_on(one.time, asked.zone)]


def _number(name: str) -> Column:
    return Column(name=name, kind="number", align="right")


def _table(title: str, columns: Sequence[Column], rows: Sequence[Row]) -> list[Section]:
    return [Section(title=Phrase(title), columns=tuple(columns), rows=tuple(rows))] if rows else []


def _headlines(
    asked: Asked, people: Mapping[str, Person], rows: Mapping[str, Sequence[Outgoing]]
) -> list[Headline]:
    told = {name: _messages(rows[name]) for name in people}
    night = sum(len(_at_night(asked, person, told[name])) for name, person in people.items())
    failed = sum(one.state == "dead" for each in rows.values() for one in each)
    return [
        Headline(name=Phrase("messages_all"), value=sum(map(len, told.values())), unit=""),
        Headline(name=Phrase("messages_by_night"), value=night, unit=""),
        Headline(name=Phrase("messages_failed"), value=failed, unit=""),
    ]


def _people(
    asked: Asked, people: Mapping[str, Person], by_person: Mapping[str, Sequence[Outgoing]], book: Notebook
) -> list[Section]:
    columns = (
        Column(name="person"),
        _number("messages"),
        *(_number(f"of_{severity}") for severity in _SEVERITIES),
        _number("at_night"),
        _number("put_off"),
        _number("not_delivered"),
        _number("over_budget"),
    )
    rows = []
    for name, person in people.items():
        told = _messages(by_person[name])
        at_night = _at_night(asked, person, told)
        above = _above(asked, person, told, at_night)
        counts = [sum(one.severity == severity for one in told) for severity in _SEVERITIES]
        put_off = len({one.notification for one in by_person[name] if one.held in _PUT_OFF})
        failed = sum(one.state == "dead" for one in by_person[name])
        has_budget = person.budget.day is not None or person.budget.night is not None
        notes = (book.footnote("budget_not_kept"),) if above else ()
        cells = (person.name, len(told), *counts, len(at_night), put_off, failed, above if has_budget else None)
        rows.append(Row(cells=cells, notes=notes))
    return _table("messages_by_person", columns, rows)


def _above(asked: Asked, person: Person, told: Sequence[Outgoing], at_night: Sequence[Outgoing]) -> int:
    """On how many days and nights somebody got more messages than they wanted."""
    days: dict[date, int] = defaultdict(int)
    nights: dict[date, int] = defaultdict(int)
    for one in told:
        days[local_day(one.time, asked.zone)] += 1
    for one in at_night:
        nights[local_day(one.time - _HALF_A_DAY, asked.zone)] += 1
    budget = person.budget
    over = [count for count in days.values() if budget.day is not None and count > budget.day]
    return len(over) + sum(budget.night is not None and count > budget.night for count in nights.values())


def _channels(people: Mapping[str, Person], by_person: Mapping[str, Sequence[Outgoing]]) -> list[Section]:
    columns = (
        Column(name="person"),
        Column(name="channel"),
        _number("messages"),
        _number("perhaps_delivered"),
        _number("not_delivered"),
    )
    rows = []
    for name, person in people.items():
        channels = sorted({one.channel for one in by_person[name]})
        for channel in channels:
            mine = [one for one in by_person[name] if one.channel == channel]
            sent = [one for one in mine if one.is_message]
            counts = (len(sent), sum(one.state == "unknown" for one in sent), len(mine) - _delivered(mine))
            rows.append(Row(cells=(person.name, channel, *counts)))
    return _table("messages_by_channel", columns, rows)


def _delivered(rows: Sequence[Outgoing]) -> int:
    return sum(one.state != "dead" for one in rows)


def _nights(
    asked: Asked, people: Mapping[str, Person], by_person: Mapping[str, Sequence[Outgoing]], book: Notebook
) -> list[Section]:
    """Who was woken for what, and what came of it."""
    columns = (
        Column(name="woken_at", kind="time", align="right"),
        Column(name="person"),
        Column(name="severity", kind="word"),
        Column(name="rule"),
        Column(name="source"),
        Column(name="acknowledged_after", unit="min", kind="number", align="right"),
        Column(name="over_after", unit="min", kind="number", align="right"),
    )
    woken = sorted(
        (
            (one, person)
            for name, person in people.items()
            for one in _at_night(asked, person, _messages(by_person[name]))
            if one.kind in _WAKES
        ),
        key=lambda pair: (pair[0].time, pair[1].id),
    )
    rows = []
    for one, person in woken[:_MOST_ROWS]:
        notes = (book.footnote("perhaps_not_worth_it"),) if _was_over_by_itself(one) else ()
        over = None if one.momentary else _minutes(one.raised, one.cleared)
        cells = (one.time, person.name, one.severity, one.rule, one.source_key)
        rows.append(Row(cells=(*cells, _minutes(one.raised, one.acknowledged), over), notes=notes))
    if len(woken) > _MOST_ROWS:
        book.note("woken_more", count=str(len(woken) - _MOST_ROWS))
    return _table("woken_at_night", columns, rows)


def _was_over_by_itself(one: Outgoing) -> bool:
    if one.momentary or one.cleared is None or one.cleared - one.raised > _BY_ITSELF:
        return False
    return one.acknowledged is None or one.acknowledged > one.cleared


def _minutes(begin: int, end: int | None) -> int | None:
    return None if end is None else max(0, round((end - begin) / _MINUTE))


def _details(people: Mapping[str, Person], rows: Sequence[Outgoing]) -> list[Section]:
    columns = (
        Column(name="told_at", kind="time", align="right"),
        Column(name="person"),
        Column(name="channel"),
        Column(name="message_kind"),
        Column(name="severity", kind="word"),
        Column(name="rule"),
        Column(name="source"),
        Column(name="delivery"),
        Column(name="held"),
    )
    cells = [
        (
            *(one.time, people[one.person].name, one.channel, one.kind, one.severity),
            *(one.rule, one.source_key, one.state, one.held),
        )
        for one in rows
    ]
    return [
        Section(
            title=Phrase("messages_one_by_one"), columns=columns, rows=tuple(Row(cells=each) for each in cells)
        )
    ]
