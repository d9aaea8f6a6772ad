"""What `identify` has found, in words, as JSON and as entries of a site file."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from monitor.cli.output import clean, print_line

if TYPE_CHECKING:
    from drivers.modbus.survey.judging import Verdict
    from drivers.modbus.survey.verdict import Identified

__all__ = ["as_json", "entries", "headline", "show"]

_MOST_SHOWN = 8
_MOST_WORDS = 12
_LEAST_WEIGHT = 0.5


def headline(found: "Identified") -> str:
    """One line: the unit, how sure it is, and which profile fits."""
    if found.best is None:
        why = "nobody answers" if found.certainty == "silent" else "no profile fits to what it holds"
        return f"unit {found.unit}: {why}"
    order = f", with its words in the order {found.best.order}" if found.best.order else ""
    return f"unit {found.unit}: {found.certainty}: {_named(found.best)}{order}"


def show(found: "Identified") -> None:
    """Print what was found, why, and what it cannot be told from."""
    print_line(headline(found))
    for line in _lines(found):
        print_line(f"  {clean(line)}")
    print_line()


def _lines(found: "Identified") -> Iterator[str]:
    best = found.best
    if best is None:
        yield from _nothing(found)
    else:
        ranked = sorted(best.reasons, key=lambda reason: -abs(reason.weight))
        shown = [reason for reason in ranked if abs(reason.weight) >= _LEAST_WEIGHT][:_MOST_SHOWN]
        for reason in shown:
            yield f"{'+' if reason.weight > 0 else '-'} {reason.text}"
        if best.order:
            yield (
                "its profile says another order of words: look into the manual (is the order another, or every "
                f"address?), and write a profile of your own, with `order: {best.order}` where that is it"
            )
        yield from _doubts(found)
    stopped = "" if found.complete else ", which is all that it may be asked"
    yield f"{found.seen.requests} requests{stopped}"


def _doubts(found: "Identified") -> Iterator[str]:
    best = found.best
    assert best is not None
    if best.candidate.also:
        yield f"the same registers have: {', '.join(best.candidate.also)}"
    for rival in found.rivals:
        yield f"? it may be {_named(rival.verdict)}: {rival.why}"
    if found.rivals:
        yield "the type plate tells them apart; so does a counter, when you compare it with the display"
    elif found.certainty == "possible":
        yield "compare what it reads with the display before you believe it"
    for doubt in best.candidate.experimental:
        yield f"! {doubt}"


def _nothing(found: "Identified") -> Iterator[str]:
    if found.certainty == "silent":
        yield "`facility-monitor scan` finds the units that answer"
        return
    words = found.words
    if not words:
        yield "it answers, and all that it says is zero or a refusal: let it measure something, and ask again"
    for request, said in list(words)[:_MOST_SHOWN]:
        more = " …" if len(said) > _MOST_WORDS else ""
        yield f"{request}: {' '.join(f'{word:04X}' for word in said[:_MOST_WORDS])}{more}"
    if words:
        first = words[0][0]
        yield (
            f'`facility-monitor read {found.unit} "{first.table} {first.first}"` on the same bus says what may be '
            "in them; the maker's manual has the table"
        )


def _named(verdict: "Verdict") -> str:
    candidate = verdict.candidate
    variant = f", variant {candidate.variant}" if candidate.variant else ""
    return f"{candidate.profile}{variant} ({candidate.title})"


# For programs --------------------------------------------------------------------------------------------


def as_json(found: "Identified") -> dict[str, Any]:
    """The answer about one unit, the likeliest model first."""
    best = [] if found.best is None else [_model(found.best, "")]
    return {
        "unit": found.unit,
        "certainty": str(found.certainty),
        "models": best + [_model(rival.verdict, rival.why) for rival in found.rivals],
        "requests": found.seen.requests,
        "complete": found.complete,
        "words": [
            {"table": request.table, "address": request.first, "words": list(said)}
            for request, said in found.words
        ],
    }


def _model(verdict: "Verdict", why: str) -> dict[str, Any]:
    candidate = verdict.candidate
    return {
        "profile": candidate.profile,
        "variant": candidate.variant or None,
        "model": candidate.title,
        "also": list(candidate.also),
        "order": verdict.order,
        "score": round(verdict.score, 1),
        "why_not_told_apart": why or None,
        "experimental": list(candidate.experimental),
        "reasons": [
            {"weight": round(reason.weight, 1), "kind": reason.kind, "text": reason.text}
            for reason in verdict.reasons
        ],
    }


def entries(found: "Identified", connection: str) -> list[dict[str, Any]]:
    """The device as a site file writes it; none where no profile fits as it is."""
    best = found.best
    if best is None or best.order is not None:
        return []
    device: dict[str, Any] = {"id": f"{best.candidate.profile}-{found.unit}", "profile": best.candidate.profile}
    if best.candidate.variant:
        device["variant"] = best.candidate.variant
    return [device | {"connection": connection, "unit": found.unit}]
