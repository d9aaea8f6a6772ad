"""What a door must tell, worked out slowly from the whole record at once: the judge of the machine's tests.

It knows intervals, and what was recorded when; no timers, no memory. Times are UTC ms.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from monitor.model import Entry, Event, Reading

__all__ = ["LIMIT", "PULSE", "WAIT", "Truth", "truth_of"]

WAIT, PULSE, LIMIT = 2000, 5000, 30_000

Told = tuple[str, int, tuple[str, ...]]


@dataclass(eq=False)
class Span:
    """A time that the contact said to be open: its changes as (index of the entry, time), and what came of it."""

    start: int
    began: int
    stamp: int
    closings: list[tuple[int, int]] = field(default_factory=list)
    reopenings: list[tuple[int, int]] = field(default_factory=list)
    is_past: bool = False
    is_found: bool = False
    is_bounced: bool = False
    before: "Span | None" = None
    cause: str = ""
    forced: bool = False
    card: str = ""
    is_late: bool = False

    def end(self, index: float) -> int | None:
        """When it was shut, as far as the entries before an index say."""
        shut = [each for each in self.closings if each[0] < index]
        again = [each for each in self.reopenings if each[0] < index]
        return shut[-1][1] if len(shut) > len(again) else None

    def holds(self, time: int, index: float) -> bool:
        end = self.end(index)
        return self.start <= time and (time <= end if end is not None else not self.is_past)


@dataclass(eq=False)
class Card:
    index: int
    time: int
    id: str
    stamp: int
    is_used: bool = False

    @property
    def waits_until(self) -> int:
        return max(self.stamp, self.time + PULSE + WAIT) + WAIT


@dataclass
class Truth:
    """What must be told and counted."""

    told: Counter[Told] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)

    def tell(self, kind: str, time: int, *words: str) -> None:
        self.told[kind, time, words] += 1


def truth_of(record: Sequence[tuple[int, Entry]], hours: Sequence[tuple[int, int]]) -> Truth:
    """The truth about the door `front` with its reader, button and lock; `record`: (stamp, entry) in order."""
    truth = Truth()
    spans = [*_spans(record, truth, is_past=False), *_spans(record, truth, is_past=True)]
    cards: list[Card] = []
    decisions = sorted((span for span in spans if not span.is_found and not span.is_bounced), key=_decided_at)
    for index, (stamp, entry) in enumerate(record):
        while decisions and _decided_at(decisions[0])[0] < stamp:
            _decide(decisions.pop(0), cards, [each for _, each in record[:index]], hours, truth)
        for span in spans:
            if span not in decisions and index in (span.began, *(at for at, _ in span.reopenings)):
                _let_in(span, cards, index + 1, truth)
        if isinstance(entry, Event) and entry.kind == "card":
            truth.counts[str(entry.attributes["result"])] += 1
            if entry.attributes["result"] == "granted":
                cards.append(Card(index, entry.time, entry.id, stamp))
                decided = [span for span in spans if span.began <= index and span not in decisions]
                _place(cards[-1], sorted(decided, key=lambda span: -span.start), index, truth)
    for span in decisions:
        _decide(span, cards, [each for _, each in record], hours, truth)
    heard = min(
        (at for at, each in record if isinstance(each, Reading) and "open" in each.values), default=float("inf")
    )
    truth.counts["unused"] = sum(not card.is_used and heard <= card.waits_until for card in cards)
    for span in spans:
        _finish(span, record, hours, truth)
    first, last = record[0][0], record[-1][0] + 1_000_000
    edges = [edge for begin, end in hours for edge in ((begin, "unlocked"), (end, "locked"))]
    truth.told.update((kind, edge, ()) for edge, kind in edges if first < edge < last)
    return truth


def _decided_at(span: Span) -> tuple[int, int]:
    return span.stamp + WAIT, span.began


def _spans(record: Sequence[tuple[int, Entry]], truth: Truth, *, is_past: bool) -> list[Span]:
    spans: list[Span] = []
    known: bool | None = None
    newest = 0
    shut = shut_stamp = None
    for index, (stamp, entry) in enumerate(record):
        if not isinstance(entry, Reading) or "open" not in entry.values:
            continue
        belongs = entry.late and entry.time < newest
        if not belongs:
            newest = entry.time
        if belongs is not is_past:
            continue
        is_open, time = bool(entry.values["open"]), entry.time
        if is_open and known is False:
            is_shut_again = shut is not None and abs(time - shut) <= WAIT
            if is_shut_again and shut_stamp is not None:
                truth.counts["bounces"] += 1
            if is_shut_again and shut_stamp is not None and stamp <= shut_stamp + WAIT:
                spans[-1].reopenings.append((index, time))
            else:
                before = spans[-1] if spans and is_shut_again else None
                bounced = before is not None
                spans.append(Span(time, index, stamp, is_past=is_past, is_bounced=bounced, before=before))
        elif is_open and known is None and not is_past:
            spans.append(Span(time, index, stamp, is_found=True))
        elif not is_open and known and spans:
            spans[-1].closings.append((index, max(time, spans[-1].start)))
            shut, shut_stamp = time, stamp
        known = is_open
    return spans


def _decide(
    span: Span, cards: Sequence[Card], known: Sequence[Entry], hours: Sequence[tuple[int, int]], truth: Truth
) -> None:
    fits = [card for card in cards if card.time - WAIT <= span.start <= card.time + PULSE + WAIT]
    fresh = [card for card in fits if not card.is_used]
    order = [
        *sorted((card for card in fresh if card.time <= span.start), key=lambda card: -card.time),
        *sorted((card for card in fresh if card.time > span.start), key=lambda card: card.time),
        *sorted((card for card in fits if card.is_used), key=lambda card: -card.time),
    ]
    if order:
        span.cause, span.card = "card", order[0].id
    elif any(
        isinstance(entry, Event) and entry.kind == "rex" and -WAIT <= span.start - entry.time <= PULSE + WAIT
        for entry in known
    ):
        span.cause = "rex"
    elif any(begin - WAIT <= span.start <= end + WAIT for begin, end in _unlocked(known)):
        span.cause = "unlocked"
    elif any(begin - WAIT <= span.start < end + WAIT for begin, end in hours):
        span.cause = "schedule"
    else:
        span.cause, span.forced = "none", True
        truth.tell("forced", span.start)
        truth.counts["forced"] += 1
    truth.counts[span.cause] += 1
    truth.tell("opened", span.start, span.cause, span.card)
    if order and not order[0].is_used:
        _go(order[0], span.start, truth)
    _let_in(span, cards, len(known), truth)


def _unlocked(known: Sequence[Entry]) -> Iterator[tuple[float, float]]:
    since: int | None = None
    for entry in known:
        if isinstance(entry, Reading) and "locked" in entry.values:
            if not entry.values["locked"] and since is None:
                since = entry.time
                yield since, since + PULSE
            elif entry.values["locked"] and since is not None:
                yield since, entry.time
                since = None
    if since is not None:
        yield since, float("inf")


def _let_in(span: Span, cards: Sequence[Card], index: int, truth: Truth) -> None:
    for card in cards:
        if not card.is_used and span.holds(card.time, index):
            _go(card, card.time, truth)


def _place(card: Card, decided: Sequence[Span], index: int, truth: Truth) -> None:
    for span in decided:
        if span.holds(card.time, index):
            return _go(card, card.time, truth)
    for span in decided:
        fits = card.time - WAIT <= span.start <= card.time + PULSE + WAIT
        if fits and not (span.card or span.is_found or span.is_bounced):
            span.card = card.id
            return _go(card, span.start, truth)
    return None


def _go(card: Card, time: int, truth: Truth) -> None:
    card.is_used = True
    truth.tell("passage", time, card.id)


def _finish(
    span: Span, record: Sequence[tuple[int, Entry]], hours: Sequence[tuple[int, int]], truth: Truth
) -> None:
    if span.is_bounced and span.before is not None:
        span.cause, span.forced = span.before.cause, span.before.forced
        truth.tell("opened", span.start, span.cause, "")
    end = span.end(len(record))
    if end is not None:
        is_known = not (span.is_found or span.is_bounced)
        truth.tell("closed", end, str((end - span.start) / 1000) if is_known else "")
        truth.counts["open_ms"] += end - span.start
        truth.counts["forced_short"] += span.forced and not span.is_bounced and end - span.start <= WAIT
    if span.forced or (end is None and span.is_past):
        return
    until = float("inf") if end is None else end
    count = span.start
    for begin, over in [*hours, (None, 0)]:
        if begin is not None and begin < count + LIMIT and over > count:
            count = over  # nobody minds that it is open then
            continue
        if begin is not None and begin < count + LIMIT:
            continue  # hours that are over
        if count + LIMIT < until:
            truth.tell("held", count + LIMIT, str(count))
            truth.counts["held"] += 1
        if begin is None or begin >= until:
            return
        count = over
