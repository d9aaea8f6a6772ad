"""`profiles`: which device models are known, what each says, and what copied registers or messages mean by one."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.options import Json
from monitor.cli.output import number, print_json, print_line, print_table, with_unit
from monitor.cli.places import SITE_FILE
from monitor.errors import RequestRefused
from monitor.wording import Sentence, either

if TYPE_CHECKING:
    from monitor.profiles import Bound, Library, Profile

__all__ = ["add_to", "library_of"]

_WORD = re.compile(r"(?:0x)?([0-9a-fA-F]{1,4})")
_MOST_WORDS = 2000

_Site = Annotated[
    Path,
    typer.Option(metavar="FILE", help="The site file: profiles in the folder `profiles` beside it count, too."),
]
_Id = Annotated[str, typer.Argument(metavar="PROFILE", help="The id of a profile.")]
_Variant = Annotated[str, typer.Option(metavar="ID", help="Which variant of it.", show_default=False)]


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    group = typer.Typer(no_args_is_help=True, help="The device models that are known, and what each says.")
    group.command("list")(list_profiles)
    group.command("show")(show)
    group.command("decode")(decode)
    app.add_typer(group, name="profiles")


def list_profiles(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[WORD]...", help="Only those that have all these words.", show_default=False),
    ] = None,
    device_class: Annotated[
        str, typer.Option("--class", metavar="CLASS", help="Only those of a class.", show_default=False)
    ] = "",
    site: _Site = SITE_FILE,
    as_json: Json = False,
) -> None:
    """List the device models that are known; those that hold doubtful facts are marked."""
    library = library_of(site)
    found = [profile for ident in library.ids if (profile := library.get(ident)) is not None]
    if device_class:
        _refuse_unknown_class(device_class)
        found = [profile for profile in found if profile.device_class == device_class]
    wanted = [word.lower() for word in words or ()]
    rows = [row for row in map(_listed, found) if all(word in _text(row) for word in wanted)]
    rows.sort(key=lambda row: (row["class"], row["id"]))
    if as_json:
        print_json(rows)
        return
    table = [
        (
            row["id"],
            row["class"],
            row["maker"],
            ", ".join((row["model"], *row["also"])),
            ", ".join(row["transports"]),
            "experimental" if row["experimental"] else "",
        )
        for row in rows
    ]
    print_table(("profile", "class", "maker", "models", "over", ""), table)
    print_line(f"{len(rows)} profiles" if len(rows) != 1 else "1 profile")


def _refuse_unknown_class(device_class: str) -> None:
    from monitor.schema import CLASSES

    if device_class not in CLASSES:
        raise typer.BadParameter(f"the classes are {', '.join(CLASSES)}", param_hint="--class")


def _listed(profile: "Profile") -> dict[str, Any]:
    return {
        "id": profile.id,
        "class": profile.device_class,
        "maker": profile.maker,
        "model": profile.model,
        "transports": list(profile.drivers),
        "experimental": bool(profile.experimental),
        "also": list(profile.also),
        "variants": {variant.id: variant.model for variant in profile.variants.values()},
        "choose": profile.choose,
    }


def _text(row: Mapping[str, Any]) -> str:
    return " ".join(map(str, (*row.values(),))).lower()


def show(profile: _Id, variant: _Variant = "", site: _Site = SITE_FILE, as_json: Json = False) -> None:
    """Say what a profile holds: points, where each is found, what to know, where the facts are from."""
    from monitor.profiles.description import event_rows, facts_of, point_rows

    library = library_of(site)
    found = _profile(library, profile, variant)
    named = variant or (next(iter(found.variants)) if found.choose else "")
    bound = {driver: _bound(library, found, driver, named) for driver in found.drivers}
    if as_json:
        from dataclasses import asdict

        points = {driver: [asdict(row) for row in point_rows(found, of, named)] for driver, of in bound.items()}
        doubts = [*found.experimental, *(found.variants[named].experimental if named else ())]
        facts = {driver: dict(facts_of(found, driver, named)) for driver in found.drivers}
        told = {"variant": named, "doubts": doubts, "notes": list(found.notes), "source": list(found.source)}
        happen = [{"kind": kind, "how": how} for kind, how in event_rows(found, named)]
        print_json(_listed(found) | told | {"settings": facts, "points": points, "events": happen})
        return
    from monitor.cli.profilepage import sheet

    print_line(sheet(found, bound, named))
    for driver, of in bound.items():
        rows = point_rows(found, of, named)
        if rows:
            print_line()
            heads = ("point", "unit", "where", f"sent over {driver} as", "range", "read")
            print_table(heads, [(one.name, one.unit, one.where, one.sent, one.valid, one.scan) for one in rows])
    events = event_rows(found, named)
    if events:
        print_line()
        print_table(("event", "how it is told"), events)
    print_line()
    for source in found.source:
        print_line(f"source: {source}")


def decode(  # noqa: PLR0917 - a command line's options
    profile: _Id,
    function: Annotated[
        int, typer.Option(metavar="CODE", help="Function code: 1 coil, 2 discrete, 3 holding, 4 input.")
    ] = 3,
    address: Annotated[
        int | None,
        typer.Option(metavar="N", help="Zero-based address of the first word.", show_default=False),
    ] = None,
    words: Annotated[
        str, typer.Option(metavar="HEX", help='The registers, such as "0000 0000 000D 1290".', show_default=False)
    ] = "",
    payload: Annotated[
        str, typer.Option(metavar="TEXT", help="An MQTT message instead.", show_default=False)
    ] = "",
    topic: Annotated[
        str,
        typer.Option(metavar="TOPIC", help="What follows the device's own topic, where that counts."),
    ] = "",
    variant: _Variant = "",
    site: _Site = SITE_FILE,
    as_json: Json = False,
) -> None:
    """Say what copied registers, or a copied message, mean by a profile: nothing is asked of any device."""
    library = library_of(site)
    found = _profile(library, profile, variant)
    if payload:
        rows = _message(library, found, variant, topic, payload)
    else:
        if address is None or not words:
            raise typer.BadParameter("give --address and --words, or --payload")
        rows = _registers(library, found, variant, function, address, _hex(words))
    if as_json:
        print_json(rows)
        return
    if not rows:
        print_line("None of the profile's points is there.")
        return
    print_table(("point", "value"), [(row["point"], _told(row)) for row in rows])


def _told(row: Mapping[str, Any]) -> str:
    value = row["value"]
    if value is None:
        return f"missing: {row['missing']}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return with_unit(number(value) if isinstance(value, float) else str(value), row["unit"])


def _hex(text: str) -> list[int]:
    parts = re.split(r"[\s,]+", text.strip())
    wrong = next((part for part in parts if not _WORD.fullmatch(part)), None)
    if wrong is not None:
        told = "each register is one to four hexadecimal digits, with blanks between: 0000 0D12"
        raise typer.BadParameter(f"`{wrong[:20]}`: {told}", param_hint="--words")
    if len(parts) > _MOST_WORDS:
        raise typer.BadParameter(f"at most {_MOST_WORDS} registers", param_hint="--words")
    return [int(part.lower().removeprefix("0x"), 16) for part in parts]


def _registers(  # noqa: PLR0917 - a profile, and what was copied from where
    library: "Library", profile: "Profile", variant: str, function: int, address: int, words: Sequence[int]
) -> list[dict[str, Any]]:
    from drivers.modbus.layout import BIT_TABLES
    from drivers.modbus.survey.words import meanings, table_of

    table = table_of(function)
    if address < 0 or address + len(words) > 1 << 16:
        raise typer.BadParameter("addresses reach from 0 to 65535", param_hint="--address")
    if table in BIT_TABLES and any(word > 1 for word in words):
        raise typer.BadParameter(f"a {table} is 0 or 1: one each, with blanks between", param_hint="--words")
    bound = _bound(library, profile, "modbus", variant)
    contents = {table: dict(enumerate(words, start=address))}
    return [
        {"point": one.point, "value": one.value, "unit": one.unit}
        | {"missing": None if one.missing is None else str(one.missing)}
        for one in meanings(bound.points, bound.protocol, contents)
    ]


def _message(
    library: "Library", profile: "Profile", variant: str, topic: str, payload: str
) -> list[dict[str, Any]]:
    from drivers.mqtt.survey.message import meanings

    bound = _bound(library, profile, "mqtt", variant)
    return meanings(bound, topic, payload.encode())


# The library ---------------------------------------------------------------------------------------------


def library_of(site: Path) -> "Library":
    """The profiles that are shipped, and those beside a site file."""
    from drivers import DRIVERS
    from monitor.documents.files import Files
    from monitor.documents.finding import Findings
    from monitor.profiles import Library
    from monitor.settings.loading import SHIPPED
    from monitor.settings.tables import resolve

    findings = Findings()
    files = Files(findings, folder=site.parent, environ={}, credentials=None)
    folders = [site.parent / "profiles", SHIPPED / "profiles"]
    return Library(folders, drivers=resolve(DRIVERS), files=files, findings=findings)


def _profile(library: "Library", ident: str, variant: str) -> "Profile":
    from monitor.documents.finding import nearest
    from monitor.errors import SettingsError

    if ident not in library.ids:
        near = nearest(ident, library.ids)
        told = Sentence("there is no profile `{name}`", name=ident[:60])
        raise RequestRefused(either(told, f"`{near}`" if near else ""))
    found = library.get(ident)
    if found is None:
        raise SettingsError("\n".join(map(str, library.mistakes)))
    if variant and variant not in found.variants:
        known = ", ".join(found.variants) or "none"
        raise RequestRefused(
            Sentence(
                "`{id}` has no variant `{variant}`; its variants: {known}",
                id=ident,
                variant=variant[:60],
                known=known,
            )
        )
    return found


def _bound(library: "Library", profile: "Profile", driver: str, variant: str) -> "Bound":
    from monitor.errors import SettingsError

    if driver not in profile.drivers:
        raise RequestRefused(
            Sentence(
                "`{profile}` is read over {known}, not over {driver}",
                profile=profile.id,
                known=" and ".join(profile.drivers),
                driver=driver,
            )
        )
    if profile.choose and not variant:
        known = "; ".join(f"{one.id}: {one.model}" for one in profile.variants.values())
        raise RequestRefused(
            Sentence("say which `{profile}` it is with --variant: {known}", profile=profile.id, known=known)
        )
    bound = library.bind(profile, driver, variant)
    if bound is None:
        raise SettingsError("\n".join(map(str, library.mistakes)))
    return bound
