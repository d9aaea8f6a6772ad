"""What the names in an expression mean: points, their ages, alarms of other rules, and the local time."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from monitor.documents.finding import nearest
from monitor.errors import SettingsError
from monitor.ruletypes import Vocabulary
from monitor.schema import STATES
from rules.expression import Expr, ExpressionError, Token, Values

__all__ = ["Meaning", "age_limits", "check_name", "check_sense", "is_there", "meaning", "spelled", "together"]

_AGE: Final = "age_"
_ALARM: Final = "alarm_"
_LOCAL: Final = ("hour", "dow")
_COMPARING: Final = frozenset({"<", "<=", ">", ">="})
_RECKONING: Final = frozenset({"+", "-", "*", "/"})
_NUMBERS: Final = (0.0, 0.5, 3.0, 21.0, 250.0, 1e5, -7.0, 1e-3)
_TRIALS: Final = 24


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one name stands for. `device` is empty for the alarm's own; `word` is a point, or the id of a rule."""

    sort: Literal["point", "age", "alarm", "time"]
    device: str = ""
    word: str = ""


def spelled(id_: str) -> str:
    """An id as expressions spell it: `-` would be a minus."""
    return id_.replace("-", "_")


def meaning(name: str, own: Collection[str], rules: Collection[str]) -> Meaning:
    """What a name stands for at a device with the points `own`; `rules` are the ids of all rules.

    What is nothing else is a point: of whom it speaks, the monitor may say more than the device.
    """
    before, dot, word = name.rpartition(".")
    device = before.replace("_", "-") if dot else ""
    if not device and word in own:
        return Meaning("point", word=word)
    if not device and word in _LOCAL:
        return Meaning("time", word=word)
    rule = word.removeprefix(_ALARM).replace("_", "-")
    if not device and word.startswith(_ALARM) and rule in rules:
        return Meaning("alarm", word=rule)
    if word.startswith(_AGE):
        return Meaning("age", device, word.removeprefix(_AGE))
    return Meaning("point", device, word)


def check_name(name: str, own: Mapping[str, str | None], words: Vocabulary) -> None:
    """Refuse a name that stands for nothing; SettingsError says which one was probably meant."""
    found = meaning(name, own, words.rules)
    if found.sort == "time":
        return
    if found.sort == "alarm":
        if words.rules[found.word] == "event":
            raise SettingsError(f"`{name}`: an alarm of the kind `event` is over at once; count events instead")
        return
    if found.device and found.device not in words.points:
        raise SettingsError(f"there is no device for `{name}`{_meant(name, _all_names(own, words))}")
    points = words.points[found.device] if found.device else own
    if found.word not in points:
        raise SettingsError(f"there is no `{name}` here{_meant(name, _all_names(own, words))}")


def _all_names(own: Collection[str], words: Vocabulary) -> Iterator[str]:
    yield from own
    yield from (f"{_AGE}{point}" for point in own)
    yield from (f"{_ALARM}{spelled(rule)}" for rule in words.rules)
    yield from _LOCAL
    for device, points in words.points.items():
        yield from (f"{spelled(device)}.{point}" for point in points)


def _meant(name: str, known: Iterator[str]) -> str:
    near = nearest(name, known)
    return f"; did you mean `{near}`?" if near else ""


def age_limits(expr: Expr, name: str) -> tuple[int, ...]:
    """The ages (ms) with which an expression compares one; ExpressionError where it does anything else with it."""
    limits = set()
    tokens = [Token("end", "", 0), Token("end", "", 0), *expr.tokens, Token("end", "", 0), Token("end", "", 0)]
    for at, one in enumerate(tokens):
        if one.sort != "name" or one.text != name:
            continue
        if tokens[at + 1].text in _COMPARING:
            before, number, after = tokens[at - 1], tokens[at + 2], tokens[at + 3]
        else:
            before, number, after = tokens[at - 3], tokens[at - 2], tokens[at + 1]
            if tokens[at - 1].text not in _COMPARING:
                number = tokens[0]
        if number.sort != "number" or {before.text, after.text} & (_RECKONING | {"!"}):
            raise ExpressionError(f"compare `{name}` with a number of seconds: `{name} > 300`")
        limits.add(round(float(number.text) * 1000))
    return tuple(sorted(limits))


def is_there(name: str, own: Mapping[str, str | None], words: Vocabulary) -> bool:
    """Whether a device with the points `own` has what a name asks for; what is elsewhere is there for all."""
    found = meaning(name, own, words.rules)
    return bool(found.device) or found.sort in {"alarm", "time"} or found.word in own


def together(chosen: Sequence[str], words: Vocabulary) -> Mapping[str, str | None]:
    """The points of some devices as if they were one."""
    return {name: unit for each in chosen for name, unit in words.points[each].items()}


def check_sense(expr: Expr, own: Mapping[str, str | None], words: Vocabulary) -> None:
    """Refuse what could never be judged, as far as values of the right sorts show it."""
    meanings = [(name, meaning(name, own, words.rules)) for name in expr.names]
    if all(each.sort == "time" for _, each in meanings):
        raise SettingsError("an expression asks for a point or an alarm at least")
    for name, each in meanings:
        if each.sort == "age":
            try:
                age_limits(expr, name)
            except ExpressionError as error:
                raise SettingsError(str(error)) from error
    values = Values(expr)
    for sample in _samples(expr, own, words):
        for name, value in sample.items():
            values.set(name, value)
        try:
            found = expr.outcome(values)
        except LookupError:
            continue
        except TypeError as error:
            raise SettingsError("numbers, texts and states are mixed up: compare each with its like") from error
        if not isinstance(found, bool):
            raise SettingsError("an expression is true or false; this is a value: compare it with something")


def _samples(expr: Expr, own: Mapping[str, str | None], words: Vocabulary) -> Iterator[Mapping[str, float | bool]]:
    """Values to try an expression with; none where a name may be a number, a text or a state."""
    sorts = {name: _sort(meaning(name, own, words.rules), own, words) for name in expr.names}
    if None in sorts.values():
        return
    for trial in range(_TRIALS):
        yield {
            name: (
                _NUMBERS[(trial + 3 * number) % len(_NUMBERS)] if sort is float else bool((trial >> number) & 1)
            )
            for number, (name, sort) in enumerate(sorts.items())
        }


def _sort(found: Meaning, own: Mapping[str, str | None], words: Vocabulary) -> type[float] | type[bool] | None:
    if found.sort == "alarm" or (found.sort == "point" and found.word in STATES):
        return bool
    points = words.points[found.device] if found.device else own
    return float if found.sort in {"age", "time"} or points[found.word] is not None else None
