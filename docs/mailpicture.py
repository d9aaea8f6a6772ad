"""Draws docs/mail-*.png: mails of a house that does not exist, as they arrived. Run by `make mail-picture`.

A notifier over a state of its own sends them; they are drawn as they arrived, on a phone, on a phone in the dark,
and on a desktop.
"""

import asyncio
import base64
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from email.message import EmailMessage
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops

from docs.pagepicture import draw_page
from monitor.journal.state import State
from monitor.model import Transition
from monitor.notices import Notice, NoticeKind
from monitor.notify.attempt import Attempt
from monitor.notify.channels import Channels
from monitor.notify.composing import Composer
from monitor.notify.outbox import Notifier, Standing
from monitor.notify.painting import Painter
from monitor.notify.routing import make_router
from monitor.site import Device, Point, Rule, Site, Source
from tests.notify.day import keep, whole_day
from tests.notify.house import MINUTE, NOW, Params, insert, person, site
from tests.servers.smtp import MailServer

TARGETS = Path(__file__).parent
COLOURS = 112
PHONE, DESKTOP, HEIGHT = 375, 640, 1400
MARGIN = 14
BACKGROUND = "#d4d4d8"

WATER = Rule(
    id="water-leak",
    name="Water never stops",
    kind="continuous_flow",
    params=Params(
        cause="A toilet cistern does not close, a safety valve drips, or a pipe leaks.",
        consequence="A cistern that runs loses some cubic metres a day; a pipe that leaks ruins the building.",
        response="Listen at the risers at night, look at the cisterns of the toilets and at the safety valve"
        " of the boiler.",
    ),
    sources=(Source(device="water"),),
    version="1",
)
FACTS = {
    "unit": "m3/h", "flow_l_h": 120.0, "flows_for_h": 3.2, "day_m3": 2.88, "day_cost": 11.66, "currency": "EUR",
}  # fmt: skip
DIGESTS: Mapping[str, Sequence[tuple[str, str, str, str, int, int | None]]] = {
    "quiet": [
        ("raise", "medium", "More water at night than usual", "Water meter of the house", 290, None),
        ("raise", "medium", "Power factor is low", "Main meter", 420, 395),
        ("clear", "medium", "A room is damp", "Cellar", 505, 118),
        ("raise", "low", "A battery will soon be empty", "Leak sensor, laundry", 233, None),
        ("acknowledged", "medium", "Equipment runs in place of another", "Booster pump 2", 477, None),
    ],
    "flood": [
        ("raise", "high", "A part of the supply of a building is lost", "Main meter", 6, None),
        ("raise", "high", "Phase lost", "Meter of the lift", 6, None),
        ("raise", "high", "Equipment reports a fault", "Booster pump 1", 5, None),
        ("raise", "high", "Equipment reports a fault", "Ventilation, garage", 5, 3),
        ("raise", "medium", "Nothing answers on a connection", "Gateway, plant room", 5, None),
        ("raise", "medium", "Device does not answer", "Heat meter", 4, None),
        ("raise", "medium", "Device does not answer", "Water meter, shop", 4, None),
        ("raise", "low", "A reader is off-line", "Reader, back door", 3, None),
    ],
}
"""Why -> kind, severity, rule, device, and minutes ago at which it began and ended."""


@dataclass(frozen=True)
class View:
    """How a mail is looked at: whose it is, how wide (pixels), and whether in the dark."""

    name: str
    width: int
    is_dark: bool = False


VIEWS = (View("ana", PHONE), View("ben", PHONE, is_dark=True), View("ana", DESKTOP))


def house(server: MailServer) -> Site:
    """Two people with a mailbox each, and a water meter."""
    people = [
        person(name, language, mail=f"mailto://127.0.0.1:{server.port}/?from=m@example.org&to={name}@example.org")
        for name, language in (("ana", "en"), ("ben", "zh"))
    ]
    plain = site(*people)
    meter = Device(
        id="water", name="Water meter of the house", profile=None, connection="plant-room", device_class="water",
        building="A", zone="plant room", points={"flow_m3h": Point(name="flow_m3h", unit="m3/h")},
    )  # fmt: skip
    return replace(plain, devices={**plain.devices, meter.id: meter}, rules={WATER.id: WATER})


def leak() -> Notice:
    """Water that has been running for some hours."""
    transition = Transition(
        occurrence="4f9c21d07ab8", number=1, rule=WATER.id, device="water", source_key="water", cause="raised",
        condition="active", response="unacked", severity="high", value=0.12, limit=0.004, time=NOW,
    )  # fmt: skip
    return Notice(kind=NoticeKind.RAISE, transition=transition, rule=WATER, raised_at=NOW, facts=FACTS)


async def mails(kind: str, folder: Path) -> Mapping[str, EmailMessage]:
    """Send one message to both people, and answer what arrived for each."""
    with MailServer() as server:
        settings = house(server)
        painter = Painter(await keep(folder, whole_day()), now=lambda: NOW)
        composer = Composer(settings, paint=painter, sign=lambda *_: "https://monitor.example.org/a/7Qk2")
        if kind == "raise":
            await _notified(folder, settings, composer)
        else:
            await _digested(settings, composer, kind)
        painter.close()
        return {str(mail["To"]).partition("@")[0]: mail for mail in server.messages}


async def _notified(folder: Path, settings: Site, composer: Composer) -> None:
    state = State.open(folder / "state.db")
    rows = make_router(settings)(leak())
    await state.transact(lambda db: insert(db, rows, NOW))
    standing = Standing(acknowledged=False, cleared=False)
    notifier = Notifier(
        state, settings, channels=Channels(), now=lambda: NOW, standing=lambda *_: standing, composer=composer
    )
    running = asyncio.create_task(notifier.run())
    while (await notifier.counts())["sent"] < len(rows):  # noqa: ASYNC110 - the state is all that tells
        await asyncio.sleep(0.1)
    running.cancel()
    await asyncio.wait([running])
    await state.close()


async def _digested(settings: Site, composer: Composer, why: str) -> None:
    alarms = [
        {
            "kind": kind, "severity": severity, "rule": {"name": rule}, "device": {"name": device},
            "building": "A", "since": NOW - since * MINUTE, "time": NOW,
            "cleared": None if ended is None else NOW - ended * MINUTE,
            "by": "ana" if kind == "acknowledged" else "",
        }
        for kind, severity, rule, device, since, ended in DIGESTS[why]
    ]  # fmt: skip
    more = 17 if why == "flood" else 0
    for row in make_router(settings)(leak()):
        told = {"why": why, "count": len(alarms) + more, "more": more, "alarms": alarms}
        attempt = Attempt(
            id=1, lane=(row.person, row.channel), occurrence=row.occurrence, notification=row.notification_id,
            kind=row.kind, step=0, severity=str(alarms[0]["severity"]), expires=row.expires, number=1,
            body={**row.body, "severity": alarms[0]["severity"], "gathered": told},
        )  # fmt: skip
        somebody = settings.notify.people[row.person]
        message = await composer.compose(replace(attempt, gathered=(attempt,)), somebody)
        address = somebody.channels[row.channel]
        await Channels()(address).send(address, message)


def shown(mail: EmailMessage) -> str:
    """The page of a mail with its picture in it, as a mail program puts them together."""
    page = mail.get_body(("related", "html"))
    assert page is not None
    page = page if page.get_content_type() == "text/html" else mail.get_body(("html",))
    assert page is not None
    text = str(page.get_content())
    for part in mail.walk():
        if part.get_content_maintype() == "image":
            image: Any = part.get_content()
            name = str(part["Content-ID"]).strip("<>")
            text = text.replace(f"cid:{name}", f"data:image/png;base64,{base64.b64encode(image).decode()}")
    return text


def side_by_side(found: Mapping[str, EmailMessage]) -> str:
    """One page with a frame for each view."""
    frames = [
        f'<iframe width="{view.width}" height="{HEIGHT}" style="border:0;margin:{MARGIN}px 0 0 {MARGIN}px;'
        f'color-scheme:{"dark" if view.is_dark else "light"}" srcdoc="{escape(shown(found[view.name]))}"></iframe>'
        for view in VIEWS
    ]
    return (
        f'<!DOCTYPE html><meta charset="utf-8"><body style="margin:0;background:{BACKGROUND};white-space:nowrap">'
        + "".join(frames)
    )


def cut(path: Path) -> None:
    """Cut off what is empty at the bottom of the frames: rows that are like the last one."""
    picture = Image.open(BytesIO(path.read_bytes())).convert("RGB")
    picture = picture.crop((0, 0, picture.width, MARGIN + HEIGHT))
    last = picture.crop((0, picture.height - 1, picture.width, picture.height)).resize(picture.size)
    box = ImageChops.difference(picture, last).getbbox()
    end = min(picture.height, (box[3] if box else picture.height) + MARGIN)
    picture.crop((0, 0, picture.width, end)).quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    """Draw each of the three."""
    width = sum(view.width + MARGIN for view in VIEWS) + MARGIN
    for kind, name in (("raise", "raise"), ("quiet", "night"), ("flood", "flood")):
        with tempfile.TemporaryDirectory(prefix="mail-") as folder:
            found = asyncio.run(mails(kind, Path(folder)))
        target = TARGETS / f"mail-{name}.png"
        draw_page(side_by_side(found), target, size=(width, HEIGHT + 2 * MARGIN), colours=256)
        cut(target)
        sys.stdout.write(f"{target.name}: {target.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
