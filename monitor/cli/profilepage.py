"""The pages of the device models, docs/devices/*.md: `python -m monitor.cli.profilepage FOLDER` writes them."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from monitor.documents.files import Files
from monitor.documents.finding import Findings
from monitor.profiles import Bound, Library, Profile
from monitor.profiles.description import event_rows, facts_of, point_rows
from monitor.schema import CLASSES
from monitor.settings.loading import SHIPPED

__all__ = ["page", "pages", "sheet"]

_MADE: Final = (
    "<!-- Made from the profile itself by `python -m monitor.cli.profilepage docs/devices`; do not edit. -->"
)
_TOPICS: Final = {"modbus": "unit: 1", "mqtt": "topic: TOPIC"}


def sheet(profile: Profile, bound: Mapping[str, Bound], variant: str = "") -> str:
    """The head of a profile as plain text: models, doubts, notes, settings, variants."""
    lines = [f"{profile.id}: {_named(profile)} ({profile.device_class})"]
    lines += [f"the same: {', '.join(profile.also)}"] if profile.also else []
    chosen = profile.variants.get(variant)
    if chosen is not None:
        lines.append(f"variant {chosen.id}: {chosen.model}")
    lines += [f"variant: {one.id}: {one.model}" for one in profile.variants.values() if one is not chosen]
    doubts = [*profile.experimental, *(chosen.experimental if chosen is not None else ())]
    lines += [f"experimental: {doubt}" for doubt in doubts]
    lines += [f"note: {note}" for note in profile.notes]
    for driver in bound:
        lines += [f"{driver}: {key}: {value}" for key, value in facts_of(profile, driver, variant)]
    return "\n".join(lines)


def _named(profile: Profile) -> str:
    maker = "" if profile.maker == "any" else profile.maker
    return f"{maker} {profile.model}".strip() or profile.id


def page(profile: Profile, library: Library) -> str:
    """The page of a profile."""
    return "\n".join(_page(profile, library)) + "\n"


def _page(profile: Profile, library: Library) -> Iterator[str]:
    yield f"# {_named(profile)}"
    yield ""
    yield _MADE
    yield ""
    over = " or ".join({"modbus": "Modbus", "mqtt": "MQTT"}.get(one, one) for one in profile.drivers)
    yield f"Profile `{profile.id}`, class {profile.device_class}, read over {over}."
    if profile.also:
        yield ""
        yield f"The same registers or messages have: {', '.join(profile.also)}."
    if profile.experimental:
        yield ""
        yield "**Experimental.** Compare the first readings with the display of the device:"
        yield ""
        yield from (f"- {_escaped(doubt)}" for doubt in profile.experimental)
    if profile.notes:
        yield ""
        yield "## To know"
        yield ""
        yield from (f"- {_escaped(note)}" for note in profile.notes)
    yield from _entry(profile)
    names = [*profile.variants] if profile.choose else ["", *profile.variants]
    for driver in profile.drivers:
        yield from _settings(profile, driver)
        for variant in names:
            bound = library.bind(profile, driver, variant)
            assert bound is not None, library.mistakes
            yield from _points(profile, driver, variant, bound)
    yield from _events(profile)
    yield ""
    yield "## Sources"
    yield ""
    yield from (f"- {_escaped(source)}" for source in profile.source)


def _entry(profile: Profile) -> Iterator[str]:
    yield ""
    yield "## In the site file"
    yield ""
    yield "```text"
    variant = f", variant: {next(iter(profile.variants))}" if profile.choose else ""
    connection = "plant-room" if profile.drivers[0] == "modbus" else "broker"
    place = _TOPICS[profile.drivers[0]]
    ident = f"{profile.device_class}-1"
    yield f"- {{id: {ident}, profile: {profile.id}{variant}, connection: {connection}, {place}}}"
    yield "```"


def _settings(profile: Profile, driver: str) -> Iterator[str]:
    facts = facts_of(profile, driver)
    if facts:
        yield ""
        yield f"| over {driver} | |"
        yield "|---|---|"
        yield from (f"| `{key}` | {_cell(value)} |" for key, value in facts)


def _points(profile: Profile, driver: str, variant: str, bound: Bound) -> Iterator[str]:
    rows = point_rows(profile, bound, variant)
    of = profile.variants.get(variant)
    yield ""
    yield f"## Points over {driver}" + (f", variant `{variant}`: {of.model}" if of is not None else "")
    if of is not None and of.experimental:
        yield ""
        yield from (f"- Experimental: {_escaped(doubt)}" for doubt in of.experimental)
    if of is not None and not profile.choose:
        yield ""
        yield f"Without {', '.join(f'`{name}`' for name in of.without)}." if of.without else "Beside the others:"
    yield ""
    if not rows:
        yield "None of its own: the device names them."
        return
    yield "| point | unit | where | sent as | range | read |"
    yield "|---|---|---|---|---|---|"
    for one in rows:
        cells = (f"`{one.name}`", one.unit, one.where, one.sent, one.valid, one.scan)
        yield "| " + " | ".join(map(_cell, cells)) + " |"


def _events(profile: Profile) -> Iterator[str]:
    rows = event_rows(profile)
    if rows:
        yield ""
        yield "## Events"
        yield ""
        yield "| event | how it is told |"
        yield "|---|---|"
        yield from (f"| `{kind}` | {_cell(how)} |" for kind, how in rows)


def _cell(text: Any) -> str:
    return _escaped(str(text)).replace("|", "\\|")


def _escaped(text: str) -> str:
    """A text in which nothing is taken for markup."""
    return text.replace("<", "&lt;").replace("*", "\\*").replace("[", "\\[")


def pages(library: Library) -> dict[str, str]:
    """All pages by file name, the index among them."""
    found = [profile for ident in library.ids if (profile := library.get(ident)) is not None]
    made = {f"{profile.id}.md": page(profile, library) for profile in found}
    return made | {"index.md": "\n".join(_index(found)) + "\n"}


def _index(profiles: Sequence[Profile]) -> Iterator[str]:
    yield "# Device models"
    yield ""
    yield _MADE
    yield ""
    yield (
        f"{len(profiles)} profiles. One that is missing is [a file of your own](../new-meter.md); what a profile "
        "can say is told [here](../profiles.md). On the command line: `facility-monitor profiles list`."
    )
    for device_class in CLASSES:
        mine = [one for one in profiles if one.device_class == device_class]
        if not mine:
            continue
        yield ""
        yield f"## {device_class.capitalize()}"
        yield ""
        yield "| profile | maker | models | over | |"
        yield "|---|---|---|---|---|"
        for one in mine:
            models = ", ".join((one.model, *(of.model for of in one.variants.values()), *one.also))
            doubt = "experimental" if one.experimental else ""
            cells = (f"[{one.id}]({one.id}.md)", one.maker, _cell(models), ", ".join(one.drivers), doubt)
            yield "| " + " | ".join(cells) + " |"


def _write(folder: Path) -> None:
    from drivers import DRIVERS
    from monitor.settings.tables import resolve

    findings = Findings()
    files = Files(findings, folder=folder, environ={}, credentials=None)
    made = pages(Library([SHIPPED / "profiles"], drivers=resolve(DRIVERS), files=files, findings=findings))
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.md"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    _write(Path(sys.argv[1]))
