"""What `listen` prints: what was heard, what could be made of it, for people, programs and site files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drivers.mqtt.listening import Ear
from drivers.mqtt.survey.adopting import adopt
from drivers.mqtt.survey.announced import announced
from drivers.mqtt.survey.entries import Proposal, identified, sound
from drivers.mqtt.survey.families import Known, everybody
from drivers.mqtt.survey.fitting import models
from drivers.mqtt.survey.grouping import Group, grouped
from drivers.mqtt.survey.heard import Heard, Survey
from drivers.mqtt.survey.masking import shown, shown_topic
from drivers.mqtt.survey.proposing import propose
from drivers.mqtt.topics import Topics
from monitor.cli.brokers import Broker
from monitor.cli.newsite import flow
from monitor.cli.output import clean, print_json, print_line
from monitor.cli.sitefile import snippet
from monitor.profiles import Library
from monitor.schema import MONITOR_DEVICE

__all__ = ["Found", "found_in", "print_as_json", "print_as_yaml", "print_for_people", "sentence"]

_MANY_GROUPS = 200
_MANY_PLACES = 20
_FEW = 5
_KB = 1024
_SECOND, _MINUTE = 1.5, 60
_SOURCES = {"profile": "profile", "announced": "announces itself", "guessed": "guessed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What listening to a broker has brought."""

    broker: Broker
    ear: Ear
    survey: Survey
    known: Mapping[str, Known | None]
    groups: Sequence[Group]
    mine: Mapping[str, str]
    """Topic -> device of the site file that has it."""
    proposals: Sequence[Proposal]

    @property
    def addable(self) -> list[Proposal]:
        """The devices that could be added."""
        return [proposal for proposal in self.proposals if proposal.addable]

    def is_live(self, topic: str) -> bool:
        """Whether something was said on a topic while we listened."""
        heard = self.survey.topics.get(topic)
        return heard is not None and heard.live > 0

    def entry(self, proposal: Proposal) -> dict[str, Any]:
        """The device as a site file has it."""
        said = dict(proposal.entry)
        first = {key: said.pop(key) for key in ("id", "name", "profile", "variant") if key in said}
        return first | {"connection": self.broker.connection} | said


def found_in(survey: Survey, ear: Ear, broker: Broker, library: Library, *, discovered: bool) -> Found:
    """Look at what was heard; `discovered`: only at what announces itself."""
    heard = survey.topics
    known = everybody(heard)
    covered = Topics(broker.covered.items())
    mine = {topic: devices[0] for topic in heard if (devices := covered.match(topic))}
    if discovered:
        proposals = list(sound(adopt(announced(heard.values()), broker.covered)))
    else:
        proposals = propose(heard, known, models(library), broker.covered)
    return Found(
        broker=broker,
        ear=ear,
        survey=survey,
        known=known,
        groups=grouped((each, known[topic]) for topic, each in heard.items()),
        mine=mine,
        proposals=identified(proposals, (*broker.taken, MONITOR_DEVICE)),
    )


# For people ----------------------------------------------------------------------------------------------


def print_for_people(found: Found, *, discovered: bool) -> None:
    """Print the topics, then the devices that could be added."""
    survey = found.survey
    print_line(f"{survey.messages} messages on {len(survey.topics)} topics in {found.ear.seconds:.0f} s")
    for line in _lost(found):
        print_line(clean(line))
    for group in () if discovered else found.groups[:_MANY_GROUPS]:
        print_line()
        for line in _heard(found, group):
            print_line(clean(line))
    if not discovered and len(found.groups) > _MANY_GROUPS:
        print_line(f"\nand {len(found.groups) - _MANY_GROUPS} more: listen to fewer topics with --topic")
    print_line()
    if not found.proposals:
        print_line("Nothing that a device could be made of." + _advice(found))
        return
    print_line("Devices that could be added:" if found.addable else "No device could be made of it:")
    for proposal in found.proposals:
        print_line()
        for line in sentence(proposal):
            print_line(clean(line))
    silent = [each.id for each in found.addable if not any(found.is_live(topic) for topic in each.topics)]
    if silent:
        print_line()
        told = f"Only what the broker had retained was heard of: {', '.join(silent)}. Are they still there?"
        print_line(clean(told))


def _advice(found: Found) -> str:
    if found.mine:
        return " What is measured is in the site file already."
    return (
        " Meters often speak every few minutes only: listen longer with --for."
        if not found.survey.messages
        else ""
    )


def _lost(found: Found) -> Iterator[str]:
    if found.ear.ended:
        yield f"It ended early: {found.ear.ended}"
    if found.survey.left_out:
        yield f"{found.survey.left_out} messages are left out: too many topics; listen to fewer with --topic"
    if found.survey.unseen:
        yield f"{found.survey.unseen} payloads were too large to look at"


def _heard(found: Found, group: Group) -> Iterator[str]:
    """A group of topics: who speaks, how often, how, and what."""
    members = group.members
    knowns = [known for each in members if (known := found.known[each.topic]) is not None]
    names = list(dict.fromkeys(known.model for known in knowns if known.model))
    models = f" ({', '.join(names[:_FEW])}{' …' if len(names) > _FEW else ''})" if names else ""
    yield "  ".join(
        filter(
            None,
            (
                shown_topic(group.pattern),
                f"[{len(members)} topics]" if len(members) > 1 else "",
                group.family + models if group.family else "",
            ),
        )
    )
    live, retained = (
        sum(counts) for counts in zip(*((each.live, each.retained) for each in members), strict=True)
    )
    said = [f"{live} live" if live else "", f"{retained} retained" if retained else "", _every(group)]
    size = _size(max(each.largest for each in members))
    yield f"    {', '.join(group.kinds)}, {size}: {', '.join(filter(None, said))}"
    newest = next((each for each in members if each.newest is not None), None)
    if newest is not None and newest.newest is not None:
        yield f"    {shown(newest.topic, newest.newest, reader=_is_reader(found, newest))}"
    mine = list(dict.fromkeys(found.mine[each.topic] for each in members if each.topic in found.mine))
    if mine:
        yield f"    in the site file: {', '.join(mine[:_FEW])}{' …' if len(mine) > _FEW else ''}"
    for note in dict.fromkeys(known.note for known in knowns if known.note):
        yield f"    note: {note}"


def _is_reader(found: Found, heard: Heard) -> bool:
    known = found.known[heard.topic]
    return known is not None and known.device_class == "access"


def _every(group: Group) -> str:
    times = sorted(time for each in group.members if (time := each.every) is not None)
    if not times:
        return ""
    middle = times[len(times) // 2]
    if middle < _SECOND:
        return f"{1 / max(middle, 0.001):.0f} a second"
    return f"every {middle:.0f} s" if middle < 2 * _MINUTE else f"every {middle / _MINUTE:.0f} min"


def _size(size: int) -> str:
    return f"{size} B" if size < 10 * _KB else f"{size / _KB:.0f} KiB"


def sentence(proposal: Proposal) -> Iterator[str]:
    """What there is to say of a device before somebody says yes, line by line."""
    entry = proposal.entry
    told = entry.get("profile", "") + (f", variant {entry['variant']}" if "variant" in entry else "")
    source = _SOURCES[proposal.source] + (f" {told}" if told else "")
    family = f" [{proposal.family}]" if proposal.family else ""
    yield f"{proposal.id}: {source}{f' ({proposal.why})' if proposal.why else ''}{family}"
    if entry["topic"]:
        yield f"  topic {shown_topic(str(entry['topic']))}"
    if entry.get("points"):
        yield f"  class {entry['class']}"
    for name, point in entry.get("points", {}).items():
        where = " ".join(f"{key} {value}" for key, value in point.items() if key not in {"unit", "text"})
        yield f"    {name}: {where or 'the payload'}" + (f" in {point['unit']}" if "unit" in point else "")
    if proposal.unknown:
        places = ", ".join(place for _, place in proposal.unknown[:_MANY_PLACES])
        yield f"  left out, of unknown unit: {places}{' …' if len(proposal.unknown) > _MANY_PLACES else ''}"
    if proposal.choices:
        yield "  the messages do not tell which variant it is: add it by hand (--yaml), with one of"
    for variant, model in proposal.choices:
        yield f"    variant: {variant}  ({model})"
    for name, why in proposal.others:
        yield f"  or {name} ({why})"
    for note in proposal.notes:
        yield f"  note: {note}"


# For programs and site files -----------------------------------------------------------------------------


def print_as_yaml(found: Found) -> None:
    """Print the devices as they would stand in a site file; what is not known is a comment."""
    devices = [found.entry(proposal) for proposal in found.addable]
    text = snippet(found.broker.new if devices else (), devices)
    print_line(text.rstrip("\n") if text else "# nothing that a device could be made of")
    for proposal in found.proposals:
        if proposal.choices:
            names = " or ".join(variant for variant, _ in proposal.choices)
            print_line(clean(f"#  - {flow(found.entry(proposal))[:-1]}, variant: {names}}}"))
        for kind, place in proposal.unknown:
            print_line(clean(f"# {proposal.id}: NAME: {flow({kind: place})[:-1]}, unit: ?}}"))
        for note in proposal.notes:
            print_line(clean(f"# {proposal.id}: {note}"))


def print_as_json(found: Found) -> None:
    """Print all of it as JSON (docs/mqtt.md names the keys)."""
    survey = found.survey
    data = {
        "broker": found.broker.options.url,
        "seconds": round(found.ear.seconds, 1),
        "ended": found.ear.ended,
        "messages": survey.messages,
        "left_out": survey.left_out,
        "unseen": survey.unseen,
        "topics": [_group(found, group) for group in found.groups],
        "devices": [_device(found, proposal) for proposal in found.proposals],
    }
    print_json(_cleaned(data))


def _group(found: Found, group: Group) -> dict[str, Any]:
    return {
        "pattern": shown_topic(group.pattern),
        "family": group.family,
        "payload": group.kinds,
        "topics": [
            {
                "topic": shown_topic(each.topic),
                "model": known.model if (known := found.known[each.topic]) is not None else "",
                "live": each.live,
                "retained": each.retained,
                "every_s": None if each.every is None else round(each.every, 3),
                "bytes": each.largest,
                "example": None
                if each.newest is None
                else shown(each.topic, each.newest, reader=_is_reader(found, each)),
                "device": found.mine.get(each.topic),
            }
            for each in group.members
        ],
    }


def _device(found: Found, proposal: Proposal) -> dict[str, Any]:
    return {
        "id": proposal.id,
        "source": proposal.source,
        "family": proposal.family,
        "why": proposal.why,
        "entry": found.entry(proposal) if proposal.addable else None,
        "choices": [{"variant": variant, "model": model} for variant, model in proposal.choices],
        "others": [{"profile": name, "why": why} for name, why in proposal.others],
        "unknown": [{kind: place} for kind, place in proposal.unknown],
        "notes": list(proposal.notes),
        "topics": [shown_topic(topic) for topic in proposal.topics],
    }


def _cleaned(data: Any) -> Any:
    if isinstance(data, dict):
        return {_cleaned(key): _cleaned(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_cleaned(each) for each in data]
    return clean(data) if isinstance(data, str) else data
