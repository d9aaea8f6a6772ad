"""Makes devices of what announces itself by Home Assistant's MQTT discovery. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from drivers.mqtt.survey.announced import Announced, Entity
from drivers.mqtt.survey.entries import Proposal
from drivers.mqtt.survey.guessing import class_of
from drivers.mqtt.survey.meanings import Meaning, meaning
from drivers.mqtt.survey.templates import place
from drivers.mqtt.survey.words import slug
from drivers.mqtt.topics import Topics

__all__ = ["FAMILY", "adopt"]

FAMILY: Final = "Home Assistant discovery"
_WILD: Final = ("+", "#", "$")
_LARGEST_EVERY_S: Final = 7 * 86400


@dataclass(frozen=True, slots=True)
class _Found:
    entity: Entity
    meaning: Meaning

    @property
    def topic(self) -> str:
        return self.entity.text("state_topic")


def adopt(devices: Iterable[Announced], covered: Collection[str] = ()) -> list[Proposal]:
    """Propose a device for each that announces itself; several where its topics have no beginning in common.

    `covered`: topic filters of devices that are there already.
    """
    known = Topics((topic, True) for topic in covered)
    proposals = []
    for device in devices:
        found = [_Found(entity, meaning(entity)) for entity in device.entities]
        told = tuple(f"{each.entity.called}: {each.meaning.refused}" for each in found if each.meaning.refused)
        kept = [each for each in found if not each.meaning.refused and _is_usable(each.topic)]
        if kept and all(known.match(each.topic) for each in kept):
            continue
        groups = _together(kept)
        for number, group in enumerate(groups):
            proposals.append(_proposal(device, group, told if number == 0 else (), apart=len(groups) > 1))
        if not groups and told:
            proposals.append(_nothing(device, told))
    return proposals


def _is_usable(topic: str) -> bool:
    return not any(sign in topic for sign in _WILD) and bool(topic.strip("/"))


def _together(found: list[_Found]) -> list[tuple[str, list[_Found]]]:
    """The entities by the topic of the device they make: the beginning that their topics have in common."""
    by_root: dict[str, list[_Found]] = defaultdict(list)
    for each in found:
        by_root[each.topic.split("/")[0]].append(each)
    groups = []
    for members in by_root.values():
        levels = [each.topic.split("/") for each in members]
        common = levels[0]
        for other in levels[1:]:
            same = next((i for i, (a, b) in enumerate(zip(common, other, strict=False)) if a != b), None)
            common = common[: min(len(common), len(other)) if same is None else same]
        if base := "/".join(common):
            groups.append((base, members))
        else:
            groups += [(topic, [each for each in members if each.topic == topic]) for topic in _topics(members)]
    return groups


def _topics(members: Iterable[_Found]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.topic for each in members))


def _proposal(
    device: Announced, group: tuple[str, list[_Found]], told: tuple[str, ...], *, apart: bool
) -> Proposal:
    base, members = group
    points: dict[str, Any] = {}
    for each in members:
        suffix = each.topic[len(base) :].strip("/")
        name = _free(each, points)
        if name:
            points[name] = {**each.meaning.point, **({"topic": suffix} if suffix else {})}
    ident = f"{device.name} {base.split('/')[0]}" if apart else device.name
    entry: dict[str, Any] = {"id": ident, "name": device.name, "topic": base}
    entry["class"] = class_of([*points, *_hints(members)])
    notes = list(told)
    if (availability := _availability(members, notes)) is not None:
        entry["availability"] = availability
    if (every := _every(members)) is not None:
        entry["every"] = f"{every} s"
    if "energy_kwh" in points:
        notes.append("energy_kwh: import or export is not told; name it energy_import_kwh or energy_export_kwh")
    return Proposal(
        entry=entry | {"points": points},
        source="announced",
        family=FAMILY,
        topics=_topics(members),
        why=f"{device.model or 'it'} announces {len(points)} points",
        notes=tuple(notes),
    )


def _nothing(device: Announced, told: tuple[str, ...]) -> Proposal:
    entry = {"id": device.name, "name": device.name, "topic": "", "class": "equipment", "points": {}}
    return Proposal(entry=entry, source="announced", family=FAMILY, topics=(), notes=told)


def _hints(members: Iterable[_Found]) -> list[str]:
    """Names that tell the class where the points alone do not."""
    classes = {each.entity.text("device_class") for each in members}
    return [name for name, said in (("volume", {"water"}),) if classes & said]


def _free(found: _Found, taken: Mapping[str, Any]) -> str:
    """A name that no other point has: its own, or with what the entity is called before it."""
    name = found.meaning.name
    if name not in taken:
        return name
    called = slug(found.entity.object_id, "", joint="_") or slug(found.entity.called, "other", joint="_")
    longer = f"{called if not called[:1].isdigit() else f'n_{called}'}_{name}"
    return longer if longer not in taken else ""


def _every(members: Iterable[_Found]) -> int | None:
    """How often it is expected to speak, where it says when it counts as gone: the shortest of all."""
    said = [each.entity.says.get("expire_after") for each in members]
    times = [time for time in said if isinstance(time, int) and not isinstance(time, bool)]
    return min(times) if times and 1 <= min(times) <= _LARGEST_EVERY_S else None


# Availability --------------------------------------------------------------------------------------------


def _availability(members: Iterable[_Found], notes: list[str]) -> dict[str, Any] | None:
    """The topic that says whether the device is there: of several, the one nearest to its own."""
    choices: dict[str, dict[str, Any]] = {}
    nearest: dict[str, int] = {}
    for each in members:
        for choice in _choices(each.entity):
            topic = choice["topic"]
            choices.setdefault(topic, choice)
            nearest[topic] = max(nearest.get(topic, 0), _in_common(topic, each.topic))
    if not choices:
        return None
    best = max(choices, key=lambda topic: nearest[topic])
    others = [topic for topic in choices if topic != best]
    if others:
        notes.append(f"it is also there only while {', '.join(others[:3])} says so: one topic can be watched")
    if choices[best].pop("untranslated", False):
        notes.append(f"availability {best}: its template is a program, and is left out")
        return None
    return choices[best]


def _choices(entity: Entity) -> list[dict[str, Any]]:
    listed = entity.says.get("availability")
    found = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    if own := entity.text("availability_topic"):
        found = [{"topic": own, "value_template": entity.says.get("availability_template")}]
    made = []
    for each in found:
        topic = each.get("topic")
        if not isinstance(topic, str) or not _is_usable(topic):
            continue
        template = each.get("value_template")
        where = place(template if isinstance(template, str) else None)
        words = {
            "online": _word(each, entity, "payload_available", "online"),
            "offline": _word(each, entity, "payload_not_available", "offline"),
        }
        usual = {"online": "online", "offline": "offline"}
        made.append(
            {"topic": topic}
            | {key: word for key, word in words.items() if word != usual[key]}
            | ({"json": where["json"]} if where is not None and "json" in where else {})
            | ({"untranslated": True} if where is None else {})
        )
    return made


def _word(said: Mapping[str, Any], entity: Entity, key: str, default: str) -> str:
    own = said.get(key)
    if isinstance(own, bool):
        return "true" if own else "false"
    return str(own) if isinstance(own, str | int) else entity.text(key, default)


def _in_common(one: str, other: str) -> int:
    pairs = zip(one.split("/"), other.split("/"), strict=False)
    return next(
        (number for number, (a, b) in enumerate(pairs) if a != b), min(one.count("/"), other.count("/")) + 1
    )
