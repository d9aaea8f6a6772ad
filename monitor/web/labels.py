"""Labels with QR codes, for doors, meters and places: what is on each, and the sheet that is printed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import segno
from markupsafe import Markup

from monitor.errors import RequestRefused
from monitor.notify.languages import TAGS, words_of
from monitor.site import Site
from monitor.web.drawing import templates
from monitor.web.residents.desk import ResidentDesk
from monitor.wording import Sentence, say

__all__ = ["KINDS", "SIZES", "Label", "code_of", "draw_sheet", "labels_of"]

KINDS: Final = ("places", "devices")
SIZES: Final = ("small", "medium", "large")
"""Labels on a sheet of A4: 24, 8 and 2."""
_MOST: Final = 1000
_FOLDER: Final = Path(__file__).parent / "console"
_QUIET: Final = 4
"""Modules of white around a code, as ISO/IEC 18004 wants them."""


_SENTENCE: Final = say("Report a problem here")


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One label: the address in its code, and what stands below. `said`: language tag -> what to do with it."""

    id: str
    kind: str
    name: str
    where: str
    address: str
    said: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """Answer all of it as a mapping ready for JSON."""
        return asdict(self)


def labels_of(
    site: Site, desk: ResidentDesk | None, kind: str, *, building: str = "", device_class: str = ""
) -> Sequence[Label]:
    """All labels of a kind, of a building and of a class of devices; raises RequestRefused, which says why not."""
    found = _of_places(site, desk) if kind == "places" else _of_devices(site, device_class)
    return [label for label, there in found if building in {"", there}][:_MOST]


def _of_places(site: Site, desk: ResidentDesk | None) -> Sequence[tuple[Label, str]]:
    if site.residents is None or desk is None:
        raise RequestRefused(
            Sentence("residents do not report here: write the section `residents` of the site file")
        )
    languages = site.residents.languages
    said = {TAGS[each]: str(words_of(each).ugettext(_SENTENCE)) for each in languages}
    return [
        (
            Label(
                id=place.id,
                kind="place",
                name=place.name,
                where=", ".join(each for each in (place.building, place.zone) if each),
                address=desk.codes.address(place.id),
                said=said,
            ),
            place.building,
        )
        for place in site.residents.places.values()
        if not desk.codes.of(place.id).closed
    ]


def _of_devices(site: Site, device_class: str) -> Sequence[tuple[Label, str]]:
    base = "" if site.console is None else site.console.base
    if not base:
        raise RequestRefused(
            Sentence(
                "it is not known how people reach the console: write `base` in the section `console` "
                "of the site file"
            )
        )
    return [
        (
            Label(
                id=device.id,
                kind="device",
                name=device.name,
                where=", ".join(each for each in (device.building, device.zone) if each),
                address=f"{base}/devices/{quote(device.id)}",
                said={},
            ),
            device.building,
        )
        for device in site.devices.values()
        if device_class in {"", device.device_class}
    ]


def code_of(address: str) -> str:
    """The QR code of an address as SVG; 15 % of it may be scratched off."""
    code = segno.make(address, error="m", micro=False)
    return code.svg_inline(border=_QUIET, omitsize=True, svgclass="code", lineclass="ink")


def draw_sheet(labels: Sequence[Label], size: str, *, lang: str, title: str, style: str = "") -> str:
    """Draw labels for sheets of A4. `style`: where their style is loaded from; without it the page carries it."""
    own = (_FOLDER / "static" / "labels.css").read_text("utf-8")
    text: str = (
        templates(_FOLDER / "templates" / "residents")
        .get_template("sheet.html.j2")
        .render(
            labels=[(label, Markup(code_of(label.address))) for label in labels],  # noqa: S704 - segno's own
            size=size,
            lang=lang,
            title=title,
            style=style,
            own=Markup(own),  # noqa: S704 - our own file
        )
    )
    return text
