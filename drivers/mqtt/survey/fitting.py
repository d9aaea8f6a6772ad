"""Weighs which profiles of the library fit to what was heard: by what of them the payloads carry. Pure.

A profile is tried as the driver would use it: its points and events are decoded from the very messages.
"""

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from drivers.mqtt.devices import Decoder, Message
from drivers.mqtt.jsonpath import parse
from drivers.mqtt.payload import Lack, getter
from drivers.mqtt.settings import MqttDevice, MqttProfile, Where
from drivers.mqtt.survey.families import Known
from drivers.mqtt.survey.heard import Heard, Sample
from drivers.mqtt.survey.payloads import MORE, dotted, leaves, written
from drivers.mqtt.survey.words import words
from drivers.mqtt.topics import covers
from monitor.errors import SettingsError
from monitor.model import Event, Reading
from monitor.profiles import Bound, Library, Profile
from monitor.site import Device

__all__ = ["Fit", "Model", "fits", "models"]

_COMPANIONS: Final = (
    "battery",
    "linkquality",
    "link_quality",
    "rssi",
    "snr",
    "serial",
    "firmware",
    "uptime",
    "model",
)
"""Points that many devices have: they tell nothing about which this one is."""
_AMBIENT: Final = ("temperature", "humidity", "pressure", "voltage_v", "time")
"""Points that devices of other classes than these have by the way."""
_AMBIENT_CLASSES: Final = frozenset({"environment", "heat", "electricity"})
_HOUSEKEEPING: Final = frozenset(
    ["id", "ids", "time", "timestamp", "ts", "rssi", "snr", "linkquality", "seq", "uptime", "version", "cnt", "dr"]
)
_NAMED: Final = 1.0
_LATER: Final = 253_402_300_799_000
"""When messages are said to have arrived, so that no time in them is in the future."""
_MIN_SHARE: Final = 0.5
_MIN_SHARE_NAMED: Final = 0.2
_SHORTEST: Final = 4
_DRIVERS = re.compile(r"drivers? ([a-z0-9_]+(?:(?:, | and )[a-z0-9_]+)*)")


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A profile, or a variant of one, as the driver reads it."""

    profile: Profile
    variant: str
    bound: Bound
    suffixes: tuple[str | None, ...]
    paths: frozenset[str] | None
    """Where in JSON it looks, as shapes have it; None when it looks at anything."""

    @property
    def name(self) -> str:
        """The profile's id, and the variant's."""
        return f"{self.profile.id} ({self.variant})" if self.variant else self.profile.id

    @property
    def doubts(self) -> tuple[str, ...]:
        """What is experimental about it."""
        variant = self.profile.variants.get(self.variant)
        return self.profile.experimental + (variant.experimental if variant else ())

    @property
    def text(self) -> str:
        """What it says of the models that it is for."""
        variant = self.profile.variants.get(self.variant)
        said = (self.profile.id, self.profile.maker, self.profile.model, *self.profile.also)
        return " ".join((*said, variant.model if variant else ""))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """How well a profile fits to the messages below one topic. `lacks`: its points that nobody sent."""

    model: Model
    base: str
    topics: tuple[str, ...]
    carries: tuple[str, ...]
    lacks: tuple[str, ...]
    events: tuple[str, ...]
    share: float
    score: float
    named: bool

    @property
    def fits(self) -> bool:
        """Whether it may be proposed: half of what makes the model is there, or it is named and some is."""
        return self.share >= (_MIN_SHARE_NAMED if self.named else _MIN_SHARE)

    @property
    def why(self) -> str:
        """The reasons, in words."""
        told = []
        if self.carries or self.lacks:
            told.append(f"{len(self.carries)} of {len(self.carries) + len(self.lacks)} points")
        if self.events:
            told.append(f"events {', '.join(self.events)}")
        if self.named:
            told.append("its model is named")
        if self.lacks:
            told.append(f"without {', '.join(self.lacks[:3])}{' …' if len(self.lacks) > 3 else ''}")  # noqa: PLR2004
        return ", ".join(told)


def models(library: Library) -> list[Model]:
    """All profiles that are read over MQTT, and their variants."""
    found = []
    for ident in library.ids:
        profile = library.get(ident)
        if profile is None or "mqtt" not in profile.drivers:
            continue
        for variant in (*(() if profile.choose else ("",)), *profile.variants):
            bound = library.bind(profile, "mqtt", variant)
            if bound is not None and (bound.points or bound.events):
                found.append(Model(profile, variant, _strict(bound), tuple(_suffixes(bound)), _paths(bound)))
    return found


def _strict(bound: Bound) -> Bound:
    """The profile with what is absent being absent: `omitted` would find its points in any message."""
    points = {
        name: dataclasses.replace(point, source=point.source.model_copy(update={"omitted": None}))
        for name, point in bound.points.items()
    }
    return dataclasses.replace(bound, points=points)


def _suffixes(bound: Bound) -> Iterator[str | None]:
    usual = bound.protocol.topic if isinstance(bound.protocol, MqttProfile) else None
    sources = [point.source for point in bound.points.values()] + list(bound.events)
    yield from dict.fromkeys(getattr(source, "topic", None) or usual for source in sources)


def _paths(bound: Bound) -> frozenset[str] | None:
    wheres = [*(point.source for point in bound.points.values()), *(event.when for event in bound.events)]
    places = [None if where is None or where.json_path is None else parse(where.json_path) for where in wheres]
    root = getattr(bound.protocol, "base", ())
    return None if not all(places) else frozenset(dotted((*root, *place)) for place in places if place)


def _may_carry(model: Model, shape: tuple[str, ...]) -> bool:
    """Whether a payload of this shape can have something that a model looks at: most have not."""
    return model.paths is None or MORE in shape or not model.paths.isdisjoint(shape)


def fits(heard: Mapping[str, Heard], known: Mapping[str, Known | None], models: Sequence[Model]) -> list[Fit]:
    """Every profile that carries something of what was heard, the best first."""
    usable = {topic: each for topic, each in heard.items() if (who := known[topic]) is None or who.measures}
    tried: dict[object, tuple[set[str], set[str]]] = {}
    tries = (_fit(model, base, usable, known, tried) for model in models for base in _bases(usable, model))
    found = [fit for fit in tries if fit is not None]
    return sorted(found, key=lambda fit: (-fit.score, bool(fit.model.doubts), fit.base, fit.model.name))


def _bases(topics: Iterable[str], model: Model) -> list[str]:
    """The topics that a device of this model could have."""
    bases: dict[str, None] = {}
    for topic in topics:
        for suffix in model.suffixes:
            base = topic if suffix is None else _without(topic, suffix)
            if base and "+" not in base and "#" not in base:
                bases[base] = None
    return list(bases)


def _without(topic: str, suffix: str) -> str:
    if "+" not in suffix and "#" not in suffix:
        return topic[: -len(suffix) - 1] if topic.endswith(f"/{suffix}") else ""
    levels, wanted = topic.split("/"), suffix.split("/")
    cut = len(levels) - len(wanted)
    return "/".join(levels[:cut]) if cut > 0 and covers(suffix, "/".join(levels[cut:])) else ""


def _fit(
    model: Model,
    base: str,
    heard: Mapping[str, Heard],
    known: Mapping[str, Known | None],
    tried: dict[object, tuple[set[str], set[str]]],
) -> Fit | None:
    topics = _topics(model, base, heard)
    if not any(_may_carry(model, shape) for topic in topics for shape in heard[topic].samples):
        return None
    who = next((each for topic in topics if (each := known[topic]) is not None), None)
    named = who is not None and (who.model in _drivers(model) or _names(who.model, model.text))
    if who is not None and not _may_be(who, model, named=named):
        return None
    looks = (id(model), tuple((suffix, tuple(heard[topic].samples)) for topic, suffix in topics.items()))
    if model.bound.events or looks not in tried:
        tried[looks] = _decoded(_device(model, base), [heard[topic] for topic in topics])
    carried, events = tried[looks]
    spoken = set(topics.values())
    usual = getattr(model.bound.protocol, "topic", None)
    telling = [
        name
        for name, point in model.bound.points.items()
        if not _is_companion(name, model) and (point.source.topic or usual) in spoken
    ]
    told = [name for name in telling if name in carried]
    if not told and not events:
        return None
    share = 1.0 if events else len(told) / max(1, len(telling))
    samples = [sample for topic in topics for sample in heard[topic].samples.values()]
    used = min(1.0, len(carried) / max(1, _measured(model, samples)))
    return Fit(
        model=model,
        base=base,
        topics=tuple(topics),
        carries=tuple(name for name in model.bound.points if name in carried),
        lacks=tuple(name for name in model.bound.points if name not in carried),
        events=tuple(sorted(events)),
        share=share,
        score=0.7 * share + 0.3 * (1.0 if events else used) + _NAMED * named,
        named=named,
    )


def _is_companion(name: str, model: Model) -> bool:
    """Whether a point says nothing of which model it is."""
    by_the_way = model.profile.device_class not in _AMBIENT_CLASSES and name.startswith(_AMBIENT)
    return by_the_way or name.startswith(_COMPANIONS)


def _device(model: Model, base: str) -> Device:
    return Device(
        id="device",
        name="device",
        connection="broker",
        device_class=model.profile.device_class,
        address=MqttDevice(topic=base),
        protocol=model.bound.protocol,
        points=model.bound.points,
        events=model.bound.events,
    )


def _topics(model: Model, base: str, heard: Mapping[str, Heard]) -> dict[str, str | None]:
    """The topics below a base that the model looks at, each with what is appended to the base."""
    found: dict[str, str | None] = {}
    for suffix in model.suffixes:
        whole = base if suffix is None else f"{base}/{suffix}"
        if "+" in whole or "#" in whole:
            found |= dict.fromkeys((topic for topic in heard if covers(whole, topic)), suffix)
        elif whole in heard:
            found[whole] = suffix
    return found


def _names(model: str, text: str) -> bool:
    """Whether a text names a model, however it is spelled."""
    squeezed = _squeezed(text)
    parts = [_squeezed(part) for part in (model, *model.split())]
    long_enough = [
        part for number, part in enumerate(parts) if len(part) >= _SHORTEST and (not number or _digit(part))
    ]
    return any(part in squeezed for part in long_enough)


def _squeezed(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _digit(text: str) -> bool:
    return any(letter.isdigit() for letter in text)


def _may_be(who: Known, model: Model, *, named: bool) -> bool:
    """Whether what is known of the sender allows the model: a water meter is no gas meter."""
    if named:
        return True
    if who.family == "wmbusmeters" and _drivers(model):
        return False
    return not who.device_class or who.device_class == model.profile.device_class


def _drivers(model: Model) -> set[str]:
    """The drivers of wmbusmeters that a profile says it is for."""
    return {name for found in _DRIVERS.findall(model.text) for name in re.split(r", | and ", found)}


def _decoded(device: Device, heard: Iterable[Heard]) -> tuple[set[str], set[str]]:
    """The points and the events that the messages give."""
    points, events = set[str](), set[str]()
    try:
        decoder = Decoder([device], lambda _: "", qos=0)
    except SettingsError:
        return points, events
    for each in heard:
        for sample in each.samples.values():
            message = Message(0, 0, 0, False, False, each.topic, sample.payload, _LATER)
            for entry in decoder.decode(message).entries:
                if isinstance(entry, Reading):
                    points |= entry.values.keys()
                elif isinstance(entry, Event):
                    events.add(entry.kind)
    return points, events


def _measured(model: Model, samples: Iterable[Sample]) -> int:
    """How many measured values the payloads have, below the profile's root: numbers and truths."""
    root = getattr(model.bound.protocol, "base", ())
    find = getter(Where.model_validate({"json": written(root) or "$"}))
    paths: set[Any] = set()
    for sample in samples:
        tree = find(sample.body) if sample.kind == "json" else Lack.ABSENT
        if isinstance(tree, Lack):
            paths.add(id(sample))
            continue
        paths |= {
            path for path, value in leaves(tree) if isinstance(value, int | float) and not _is_housekeeping(path)
        }
    return len(paths)


def _is_housekeeping(path: Sequence[str | int]) -> bool:
    return bool(path) and isinstance(path[-1], str) and bool(set(words(path[-1])) & _HOUSEKEEPING)
