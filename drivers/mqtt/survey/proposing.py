"""Makes devices of what was heard: by a profile where one fits, else by guessing. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from drivers.mqtt.payload import Lack
from drivers.mqtt.survey.adopting import adopt
from drivers.mqtt.survey.announced import announced
from drivers.mqtt.survey.entries import Proposal, sound
from drivers.mqtt.survey.families import MINE, Known
from drivers.mqtt.survey.fitting import Fit, Model, fits
from drivers.mqtt.survey.guessing import Guess, class_of, guess, is_noise, named_apart
from drivers.mqtt.survey.heard import Heard
from drivers.mqtt.survey.masking import is_hidden
from drivers.mqtt.survey.metrics import of_nodes
from drivers.mqtt.survey.payloads import leaves, written
from drivers.mqtt.topics import Topics

__all__ = ["propose"]

_OTHERS: Final = 4
_MAX_POINTS: Final = 60
_PHASED: Final = 3
_SCALARS: Final = frozenset({"number", "state"})
_SKIPPED_LEVELS: Final = frozenset(
    {"tele", "stat", "sensor", "state", "status", "data", "events", "event", "up", "devices"}
)

_Known = Mapping[str, Known | None]


def propose(
    heard: Mapping[str, Heard], known: _Known, models: Sequence[Model], covered: Collection[str] = ()
) -> list[Proposal]:
    """Propose devices: by a profile, else as they announce themselves, else by guessing.

    `covered`: topic filters of devices that are there already.
    """
    there = Topics((topic, True) for topic in covered)
    free = {topic: each for topic, each in heard.items() if not there.match(topic) and not topic.startswith("$")}
    proposals, taken = _by_profile(free, known, models)
    bases = {str(proposal.entry["topic"]) for proposal in proposals}
    announcing = adopt(announced(heard.values()), {*covered, *taken})
    taken |= {topic for proposal in announcing for topic in proposal.topics}
    left = {topic: each for topic, each in free.items() if topic not in taken}
    return list(sound([*proposals, *announcing, *_by_guess(left, known, bases), *of_nodes(left.values())]))


# By a profile --------------------------------------------------------------------------------------------


def _by_profile(
    heard: Mapping[str, Heard], known: _Known, models: Sequence[Model]
) -> tuple[list[Proposal], set[str]]:
    found = fits(heard, known, models)
    by_topic: dict[str, list[Fit]] = defaultdict(list)
    for fit in found:
        for topic in fit.topics:
            by_topic[topic].append(fit)
    taken: set[str] = set()
    proposals = []
    for fit in found:
        if not fit.fits or taken & set(fit.topics):
            continue
        taken |= set(fit.topics)
        rivals = dict.fromkeys(each for topic in fit.topics for each in by_topic[topic] if each is not fit)
        proposals.append(_of_fit(fit, list(rivals), known))
    return proposals, taken


def _of_fit(fit: Fit, rivals: Sequence[Fit], known: _Known) -> Proposal:
    who = next((each for topic in fit.topics if (each := known[topic]) is not None), None)
    profile = fit.model.profile
    entry: dict[str, Any] = {"id": _name(who, fit.base), "profile": profile.id}
    same = [each for each in rivals if each.model.profile is profile and each.score == fit.score]
    choices = [each.model for each in (fit, *same)] if profile.choose and same else []
    if fit.model.variant and not choices:
        entry["variant"] = fit.model.variant
    others = [each for each in rivals if not choices or each not in same]
    notes = [f"experimental: {doubt}" for doubt in fit.model.doubts]
    if any(rival.score == fit.score for rival in rivals if rival not in same):
        notes.append("another profile fits as well: look at the model's name")
    return Proposal(
        entry=entry | {"topic": fit.base},
        source="profile",
        family="" if who is None else who.family,
        topics=fit.topics,
        why=fit.why,
        others=tuple((rival.model.name, rival.why) for rival in others[:_OTHERS]),
        notes=tuple(notes),
        choices=tuple((model.variant, profile.variants[model.variant].model) for model in choices),
    )


def _name(who: Known | None, base: str) -> str:
    if who is not None and who.device:
        return who.device
    levels = [level for level in base.split("/") if level and level.lower() not in _SKIPPED_LEVELS]
    return "-".join(levels[-2:])


# By guessing ---------------------------------------------------------------------------------------------


def _by_guess(heard: Mapping[str, Heard], known: _Known, bases: Collection[str]) -> list[Proposal]:
    """Guess what is left; what has a topic of its own below a device that has a profile is that device's."""
    proposals, scalars = [], defaultdict[str, list[Heard]](list)
    for topic, each in heard.items():
        who = known[topic]
        if who is not None and (not who.measures or who.family == MINE or who.device_class == "access"):
            continue
        if any(is_hidden(level) for level in topic.split("/")):
            continue
        if each.kind in _SCALARS and "/" in topic.strip("/"):
            scalars[_parent(topic, who)].append(each)
        elif each.kind in {"json", "pairs"} and (made := _of_fields(each, who)) is not None:
            proposals.append(made)
    for parent, members in scalars.items():
        if parent not in bases and (made := _of_scalars(parent, members, known)) is not None:
            proposals.append(made)
    return proposals


def _parent(topic: str, who: Known | None) -> str:
    """The topic that stands for the device of a single value."""
    if who is not None and who.family == "Wiren Board":
        return "/".join(topic.split("/")[:3])
    return topic.rsplit("/", maxsplit=1)[0]


def _of_fields(heard: Heard, who: Known | None) -> Proposal | None:
    """A device whose points are fields of one message."""
    family = "" if who is None else who.family
    fields = list(_fields(heard, () if who is None else who.root))
    if any(is_hidden(name) for name, _, _ in fields):
        return None  # a reader: what it says needs a profile, which keeps the pseudonym alone
    around = [name for name, _, _ in fields]
    guesses: list[tuple[str, Guess]] = []
    unknown: list[tuple[str, str]] = []
    for name, where, value in fields:
        found = guess(name, value, around, family=family)
        if found is not None:
            guesses.append((where, found))
        elif _asks(name, value):
            unknown.append(("json" if heard.kind == "json" else "key", where))
    points = {name: _point(found, where) for name, (where, found) in _apart(guesses).items()}
    return _guessed(heard.topic, points, unknown, who, (heard.topic,), key=heard.kind == "pairs")


def _apart(guesses: Iterable[tuple[str, Guess]]) -> dict[str, tuple[str, Guess]]:
    by_identity = {id(found): (where, found) for where, found in guesses}
    return {
        name: by_identity[id(found)]
        for name, found in list(named_apart(by_identity.values()).items())[:_MAX_POINTS]
    }


def _fields(heard: Heard, root: tuple[str, ...]) -> Iterator[tuple[str, str, Any]]:
    """The name, the place and the value of each field of the newest payloads, below a root."""
    seen: set[str] = set()
    for sample in reversed(heard.samples.values()):
        pairs = sample.body.pairs() if sample.kind == "pairs" else Lack.BROKEN
        if not isinstance(pairs, Lack):
            for key, text in pairs.items():
                if key not in seen:
                    seen.add(key)
                    yield key, key, _value(text)
        elif sample.kind == "json":
            for path, value in leaves(sample.body.tree()):
                place = written(path)
                if place is not None and place not in seen and path and path[: len(root)] == root:
                    seen.add(place)
                    yield _spoken(path), place, value


def _spoken(path: Sequence[str | int]) -> str:
    """The name of a field; an item of a list of three is a phase."""
    names = [str(step) for step in path if isinstance(step, str)]
    last = names[-1] if names else "value"
    index = path[-1]
    return f"{last}_l{index + 1}" if isinstance(index, int) and index < _PHASED else last


def _value(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return {"true": True, "false": False}.get(text.lower(), text)


def _asks(name: str, value: Any) -> bool:
    """Whether a field that cannot be guessed is worth a question: numbers alone, and no bookkeeping."""
    return isinstance(value, int | float) and not isinstance(value, bool) and len(name) > 1 and not is_noise(name)


def _point(found: Guess, where: str) -> dict[str, Any]:
    place = {"json": where} if where.startswith("$") else {"key": where}
    return place | found.rest


def _of_scalars(parent: str, members: Sequence[Heard], known: _Known) -> Proposal | None:
    """A device whose points have a topic each."""
    guesses: list[tuple[str, Guess]] = []
    unknown: list[tuple[str, str]] = []
    who = known[members[0].topic]
    names = [each.topic.rsplit("/", maxsplit=1)[-1] for each in members]
    for each, name in zip(members, names, strict=True):
        sample = each.newest
        text = None if sample is None else sample.body.text()
        suffix = each.topic[len(parent) + 1 :]
        found = guess(name, _value(text), names, family="") if isinstance(text, str) else None
        if found is not None and "+" not in suffix and "#" not in suffix:
            guesses.append((suffix, found))
        elif each.kind == "number" and _asks(name, 0.0):
            unknown.append(("topic", suffix))
    points = {
        name: {"text": True, "topic": suffix} | found.rest for name, (suffix, found) in _apart(guesses).items()
    }
    topics = tuple(each.topic for each in members)
    return _guessed(parent, points, unknown, who, topics, key=False)


def _guessed(  # noqa: PLR0913 - a device and where it was found
    topic: str,
    points: Mapping[str, Any],
    unknown: Sequence[tuple[str, str]],
    who: Known | None,
    topics: tuple[str, ...],
    *,
    key: bool,
) -> Proposal | None:
    if not points and not unknown:
        return None
    entry: dict[str, Any] = {"id": _name(who, topic), "topic": topic}
    entry["class"] = class_of(points, "" if who is None else who.device_class)
    what = "pairs" if key else "fields" if len(topics) == 1 else "topics"
    return Proposal(
        entry=entry | {"points": dict(points)},
        source="guessed",
        family="" if who is None else who.family,
        topics=topics,
        why=f"{len(points)} of {len(points) + len(unknown)} {what} guessed by name: check each unit"
        if points
        else "",
        unknown=tuple(unknown),
    )
