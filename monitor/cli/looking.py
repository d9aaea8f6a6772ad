"""`init` looks for itself: which devices answer on a bus, who speaks on a broker, and what each of them is."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import typer

from monitor.cli.output import clean, lasting, print_line
from monitor.cli.profiles import library_of
from monitor.errors import FacilityMonitorError

if TYPE_CHECKING:
    from drivers.modbus.survey.verdict import Identified
    from drivers.mqtt.survey.entries import Proposal
    from monitor.cli.answers import Answers, Profiles
    from monitor.cli.buses import Access

__all__ = ["look_at_broker", "look_at_bus"]

_UNITS: Final = "1-32"
_LISTENS: Final = 15.0
_SURE: Final = "sure"

Device = Mapping[str, Any]


def look_at_bus(answers: "Answers", profiles: "Profiles") -> list[Device]:
    """Ask a person whether to look, look, and ask again for each device that is found; answers those wanted."""
    from drivers.modbus.survey.scan import longest, parse_units, patience_of
    from monitor.cli.buses import Place, reach

    site = profiles.folder / "site.yaml"
    block = answers.bus
    if block is None:
        return []
    place = Place(
        site=site,
        **{("tcp_port" if key == "port" and "host" in block else key): kept for key, kept in block.items()},
    )
    try:
        access = reach(place)
    except FacilityMonitorError as error:
        print_line(f"  {clean(error)}")
        return []
    patience = patience_of(is_line=bool(access.line))
    while True:
        wanted = typer.prompt("Look for devices there? Unit ids to ask (n: do not look)", default=_UNITS)
        if not str(wanted).strip() or str(wanted).strip().lower() in {"n", "no", "-"}:
            return []
        try:
            ids = parse_units(str(wanted))
        except FacilityMonitorError as wrong:
            print_line(f"  {clean(wrong)}")
        else:
            break
    seconds = longest(len(ids), timeout=patience, overhead=access.overhead)
    print_line(f"  about {lasting(max(1.0, seconds))} if few answer; Ctrl-C ends it")
    try:
        found = asyncio.run(_asked(access, ids, patience, profiles))
    except KeyboardInterrupt:
        print_line("  Ended; nothing of it is taken.")
        return []
    except FacilityMonitorError as error:
        print_line(f"  {clean(error)}")
        return []
    if not found:
        print_line("  Nobody answers. `facility-monitor scan` looks at other speeds and parities.")
    return [device for each in found if (device := _wanted_unit(each)) is not None]


async def _asked(access: "Access", ids: list[int], patience: float, profiles: "Profiles") -> "list[Identified]":
    from drivers.modbus.survey.candidates import candidates_of
    from drivers.modbus.survey.identify import identify
    from drivers.modbus.survey.scan import Scan

    candidates = candidates_of(library_of(profiles.folder / "site.yaml"))
    async with access.open(patience=patience) as bus:
        scan = Scan(bus, ids, line=access.line)
        await scan.run()
    found = []
    async with access.open(patience=None) as bus:
        for each in scan.found:
            print_line(f"  unit {each.unit} answers")
            found.append(await identify(bus, each.unit, candidates))
    return found


def _wanted_unit(found: "Identified") -> Device | None:
    from monitor.cli.identified import headline

    print_line(f"  {clean(headline(found))}")
    best = found.best
    if best is None or best.order is not None:
        print_line("    add it by hand, or find out more with `facility-monitor identify` and `read`")
        return None
    rivals = ", ".join(rival.verdict.candidate.id for rival in found.rivals)
    told = f" (it cannot be told from {rivals})" if rivals else ""
    if not typer.confirm(
        f"  Add unit {found.unit} as {best.candidate.id}{told}?", default=found.certainty == _SURE
    ):
        return None
    device = {"profile": best.candidate.profile, "unit": found.unit}
    return device | ({"variant": best.candidate.variant} if best.candidate.variant else {})


def look_at_broker(answers: "Answers", profiles: "Profiles") -> list[Device]:
    """The same for what is said on the broker: only devices of a profile are proposed here."""
    from drivers.mqtt.listening import listen
    from drivers.mqtt.survey.heard import Survey
    from monitor.cli.brokers import Broker
    from monitor.cli.hearsay import found_in

    assert answers.broker is not None
    if not typer.confirm(f"Listen to it for {_LISTENS:g} s, to find devices?", default=True):
        return []
    broker = Broker(options=_options(answers), connection="broker")
    survey = Survey()
    try:
        ear = listen(broker.options, "#", _LISTENS, survey.hear)
    except FacilityMonitorError as error:
        print_line(f"  {clean(error)}")
        return []
    found = found_in(survey, ear, broker, library_of(profiles.folder / "site.yaml"), discovered=False)
    print_line(f"  {survey.messages} messages on {len(survey.topics)} topics")
    fitting = [each for each in found.addable if "profile" in each.entry]
    others = len(found.addable) - len(fitting)
    wanted = list(_wanted_topics(fitting))
    if others:
        print_line(f"  {others} more without a profile: `facility-monitor listen --add FILE` adds them later.")
    return wanted


def _options(answers: "Answers") -> Any:
    from drivers.mqtt.settings import MqttConnection

    broker = answers.broker
    assert broker is not None
    said: dict[str, Any] = {"url": broker.url}
    if broker.username:
        said |= {"username": broker.username, "password": broker.password}
    return MqttConnection.model_validate(said)


def _wanted_topics(proposals: "list[Proposal]") -> Iterator[Device]:
    from monitor.cli.hearsay import sentence

    for each in proposals:
        for line in sentence(each):
            print_line(f"  {clean(line)}")
        if typer.confirm(f"  Add {each.id}?", default=True):
            yield {key: each.entry[key] for key in ("id", "profile", "variant", "topic") if key in each.entry}
