"""Binds the section `residents`: the places where they report, and what can be reported there."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, get_args

from monitor.documents.node import Node, join
from monitor.places import OWN, STOCK_REPORTS, TOO_MANY, WHOLE_SITE, Place, Report, Residents
from monitor.settings.addresses import is_safe
from monitor.settings.binding import Binding
from monitor.settings.residentshape import OwnReportKeys, PlaceKeys, ResidentsKeys
from monitor.settings.shape import Language
from monitor.site import Device, Rule

__all__ = ["bind_residents", "usual_places", "warn_of_unheard"]

_SECTION: Final = "residents"
_LANGUAGES: Final = get_args(Language)


def bind_residents(binding: Binding, root: Node, devices: Mapping[str, Device], language: str) -> Residents | None:
    """Bind the section; None where there is none, or where it is wrong. `language` is the site's."""
    node = root.get(_SECTION)
    if node is None or (node.kind == "scalar" and node.scalar is None):
        return None
    keys = binding.check(ResidentsKeys, node, _SECTION)
    languages = _languages(binding, node, keys, language)
    places: dict[str, Place] = {}
    seen: dict[str, Node] = {}
    for item, path in binding.section(node, f"{_SECTION}.places"):
        ident = item.text("id")
        if ident and ident in seen:
            binding.twice(item, path, ident, seen[ident])
            continue
        seen.setdefault(ident, item)
        if ident == WHOLE_SITE:
            binding.findings.error(item, join(path, "id"), f"`{ident}` is the whole site: write another id")
        place = _place(binding, item, path, devices, languages)
        if place is not None:
            places[place.id] = place
    if not seen:
        binding.findings.error(node.get("places") or node, f"{_SECTION}.places", "there is no place to report of")
    if keys is None:
        return None
    if not is_safe(keys.base):
        message = "without `https://` whoever reads along on the network can read what residents write"
        binding.findings.warning(node.get("base") or node, f"{_SECTION}.base", message)
    host, port = keys.listen
    return Residents(
        base=keys.base,
        host=host,
        port=port,
        keep=keys.keep,
        languages=languages,
        emergency=keys.emergency,
        contact=keys.contact,
        most=keys.most,
        places=places,
    )


def _languages(binding: Binding, node: Node, keys: ResidentsKeys | None, language: str) -> tuple[str, ...]:
    """Those offered, the site's first where nothing else is said."""
    usual = (language, *(each for each in _LANGUAGES if each != language))
    place = node.get("languages")
    if place is None or keys is None or not keys.languages:
        return usual
    binding.literals(place, f"{_SECTION}.languages", _LANGUAGES, "language")
    return tuple(dict.fromkeys(each for each in keys.languages if each in _LANGUAGES)) or usual


def _place(
    binding: Binding, node: Node, path: str, devices: Mapping[str, Device], languages: Collection[str]
) -> Place | None:
    keys = binding.check(PlaceKeys, node, path)
    reports = tuple(_reports(binding, node, path, languages))
    if keys is None:
        return None
    device = devices.get(keys.device)
    if keys.device and keys.device not in binding.candidates:
        place, where = node.get("device") or node, join(path, "device")
        binding.unknown(place, where, keys.device, binding.candidates, "device")
    return Place(
        id=keys.id,
        name=keys.name or (device.name if device else "") or keys.id,
        building=keys.building or (device.building if device else ""),
        zone=keys.zone or (device.zone if device else ""),
        device=keys.device,
        reports=reports,
    )


def _reports(binding: Binding, node: Node, path: str, languages: Collection[str]) -> Iterator[Report]:
    """What can be reported there, in the order as written; without the key everything that is stock."""
    given, where = node.get("reports"), join(path, "reports")
    if given is None:
        yield from (Report(id=each) for each in STOCK_REPORTS)
        return
    if given.kind != "list" or not given.items:
        message = "write a list, such as `[person-stuck, light, other]`"
        binding.findings.error(given, where, message, allowed=", ".join(STOCK_REPORTS))
        return
    seen: set[str] = set()
    for number, item in enumerate(given.items):
        report = _report(binding, item, join(where, number), languages)
        if report is not None and report.id in seen:
            binding.findings.error(item, join(where, number), f"`{report.id}` is in the list already")
        elif report is not None:
            seen.add(report.id)
            yield report


def _report(binding: Binding, item: Node, path: str, languages: Collection[str]) -> Report | None:
    if item.kind != "mapping":
        word = str(item.scalar) if item.kind == "scalar" else ""
        if word in STOCK_REPORTS:
            return Report(id=word)
        binding.unknown(item, path, word, STOCK_REPORTS, "report without words of its own")
        return None
    keys = binding.check(OwnReportKeys, item, path)
    if keys is None:
        return None
    if keys.id in {*STOCK_REPORTS, OWN, TOO_MANY}:
        binding.findings.error(item, join(path, "id"), f"`{keys.id}` has words already: write another id")
        return None
    texts = {name: text for name in dict.fromkeys((*languages, *_LANGUAGES)) if (text := getattr(keys, name))}
    lacking = [each for each in languages if each not in texts]
    if lacking:
        message = f"it is said in `{'`, `'.join(languages)}` here: write `{lacking[0]}: …` too"
        binding.findings.error(item, path, message)
        return None
    return Report(id=keys.id, texts=texts)


def usual_places(devices: Mapping[str, Device]) -> Sequence[Place]:
    """A place of each device, with all that is stock and one report of its own: what tapes of rules are about."""
    reports = (*(Report(id=each) for each in STOCK_REPORTS), Report(id="bins", texts={"en": "The bins are full"}))
    return [
        Place(
            id=device.id,
            name=device.name,
            building=device.building,
            zone=device.zone,
            device=device.id,
            reports=reports,
        )
        for device in devices.values()
    ]


def warn_of_unheard(binding: Binding, root: Node, residents: Residents | None, rules: Mapping[str, Rule]) -> None:
    """Warn of what can be reported and is judged by no rule: nobody would be told."""
    if residents is None:
        return
    heard = [each.params for each in rules.values() if each.kind == "resident_report"]
    node = root.get(_SECTION) or root
    for item, path in binding.section(node, f"{_SECTION}.places"):
        place = residents.places.get(item.text("id"))
        if place is None:
            continue
        for report in place.reports:
            if not any(each.wants(place.id, report) for each in heard):
                binding.findings.warning(
                    item, path, f"nobody is told of `{report.id}`: add `- stock: residents` to the rules"
                )
                break
