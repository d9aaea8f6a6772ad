"""Mails as they arrive: a page and the same as text, with the day's picture; and what hostile names do to them."""

import html.parser
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from monitor.notices import NoticeKind
from monitor.notify.attempt import Attempt, gathered
from monitor.notify.channels import Channels
from monitor.notify.composing import Composer
from monitor.notify.messages import KINDS, LANGUAGES, render
from monitor.notify.painting import Painter
from tests.notify.day import keep, volts
from tests.notify.house import HOUSE, MINUTE, NOW, body, person, rows, site
from tests.servers.http import WebServer
from tests.servers.smtp import MailServer, plain_text


def attempt(address_name: str = "mail", **changes: Any) -> Attempt:
    (row,) = rows(site(person("ana", **{address_name: "json://a"})), NoticeKind.RAISE, **changes)
    return Attempt(
        id=1, lane=("ana", address_name), occurrence=row.occurrence, notification=row.notification_id,
        kind=row.kind, step=0, severity=row.severity, expires=row.expires, number=1, body=row.body,
    )  # fmt: skip


async def test_a_mail_is_a_page_with_the_days_picture_and_the_same_as_text(
    tmp_path: Path, mail: MailServer
) -> None:
    ana = person("ana", mail=f"mailto://127.0.0.1:{mail.port}/?from=m@example.org&to=ana@example.org")
    painter = Painter(await keep(tmp_path, volts()), now=lambda: NOW)
    composer = Composer(HOUSE, paint=painter, sign=lambda alarm, who: f"https://m.example.org/a/{alarm}-{who}")

    message = await composer.compose(attempt(), ana)
    await Channels()(ana.channels["mail"]).send(ana.channels["mail"], message)
    painter.close()

    (arrived,) = mail.messages
    types = [part.get_content_type() for part in arrived.walk()]
    assert types == ["multipart/related", "multipart/alternative", "text/plain", "text/html", "image/png"]
    *_, text, page, picture = arrived.walk()
    assert " ".join(plain_text(arrived).split()) == " ".join(message.text.split())
    assert text.get_content() == plain_text(arrived)
    assert "To acknowledge: https://m.example.org/a/o1-ana" in plain_text(arrived)
    assert 'href="https://m.example.org/a/o1-ana"' in page.get_content()
    assert picture["Content-ID"] == "<day.png>"
    assert picture.get_content_disposition() == "inline"
    assert picture.get_content()[:8] == b"\x89PNG\r\n\x1a\n"
    assert 'src="cid:day.png" alt="24 hours of Main meter around Sun 22 Nov, 21:15"' in page.get_content()
    assert len(arrived.as_bytes()) < 60_000


async def test_a_mail_without_a_picture_is_a_page_that_shows_none(mail: MailServer) -> None:
    ana = person("ana", mail=f"mailto://127.0.0.1:{mail.port}/?from=m@example.org&to=ana@example.org")

    message = await Composer(HOUSE).compose(attempt(), ana)
    await Channels()(ana.channels["mail"]).send(ana.channels["mail"], message)

    (arrived,) = mail.messages
    assert [part.get_content_type() for part in arrived.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]
    assert "<img" not in message.html


async def test_no_picture_is_drawn_for_what_is_no_mail() -> None:
    async def forbidden(*_: object) -> bytes:
        raise AssertionError("a picture was drawn")

    message = await Composer(HOUSE, paint=forbidden).compose(attempt("hook"), person("ana", hook="json://a"))

    assert message.attachments == ()


async def test_a_gateway_of_text_messages_gets_the_short_text_alone() -> None:
    with WebServer() as web:
        web.answers = [(200, {}, b'{"result": [{"message_id": 4753, "status": "ok"}]}')]
        address = f"smseagle://token@127.0.0.1:{web.port}/+4915112345678"
        message = await Composer(HOUSE).compose(attempt("sms"), person("ana", sms=address))
        await Channels()(address).send(address, message)

        (request,) = web.requests
        assert request.json()["params"]["message"] == message.short
        assert len(message.short) <= 160


async def test_several_alarms_are_one_mail(mail: MailServer) -> None:
    ana = person("ana", mail=f"mailto://127.0.0.1:{mail.port}/?from=m@example.org&to=ana@example.org")
    both = gathered(attempt(), [attempt(occurrence="o2", severity="critical")], "group")

    await Channels()(ana.channels["mail"]).send(ana.channels["mail"], await Composer(HOUSE).compose(both, ana))

    assert mail.subjects() == ["[CRITICAL] 2 alarms: Maple Court"]
    assert plain_text(mail.messages[0]).count("Undervoltage: Main meter") == 2


# Pages ---------------------------------------------------------------------------------------------------

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</td></tr></table><h1>Fired",
    "{{ 7 * 7 }}{% raise %}",
    "%(severity)s %s %d",
    "a\r\nBcc: all@example.org",
    "\u202eevil\u2066",
    "javascript:alert(1)",
    "\x1e\x1f\x00",
    "&lt;b&gt;&amp;",
]


class Page(html.parser.HTMLParser):
    """What a mail program would make of a page: tags that are open, links, attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def bodies(name: str) -> Iterator[dict[str, Any]]:
    keys = ("by", "reason", "response", "usual_cause", "consequence", "owner", "building", "zone")
    told = dict.fromkeys(keys, name)
    plain = {
        **body(), **told,
        "site": {"id": name, "name": name, "timezone": "UTC"},
        "device": {"id": name, "name": name},
        "rule": {"id": name, "name": name, "kind": "threshold"},
        "point": "voltage_l1_v", "channel": name, "occurrence": name,
    }  # fmt: skip
    one = {"severity": "high", "rule": plain["rule"], "device": plain["device"], "since": NOW, "building": name}
    alarms = [{**one, "kind": "acknowledged", "cleared": None, "by": name}]
    yield {**plain, "gathered": {"why": "group", "count": 1, "more": 0, "alarms": alarms}}
    yield {**plain, "rule": {**plain["rule"], "kind": "composite"}, "facts": {name: name},
           "gathered": {"why": "quiet", "count": 1, "more": 0, "alarms": alarms}}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("kind", KINDS)
def test_what_came_over_a_wire_is_text_and_nothing_else(kind: str, name: str, language: str) -> None:
    for told, plain in zip(bodies(name), bodies("plain"), strict=True):
        message = render(kind, language, told, cleared=NOW, image="day.png")
        page, usual = Page(message.html), Page(render(kind, language, plain, cleared=NOW, image="day.png").html)

        assert page.tags == usual.tags
        assert [key for key, _ in page.attributes] == [key for key, _ in usual.attributes]
        assert "\n" not in message.title
        assert len(message.title) <= 150
        assert "\n" not in message.short
        assert all(each.isprintable() or each == "\n" for each in message.text + message.html)


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_needs_nothing_from_outside(kind: str) -> None:
    told = {**next(bodies("plain")), "link": "https://m.example.org/a"}
    page = Page(render(kind, "en", told, cleared=NOW, image="day.png").html)

    found = {value for key, value in page.attributes if key in {"src", "href", "background", "srcset"}}
    assert found <= {"cid:day.png", "https://m.example.org/a"}
    assert not re.search(r"url\(|@import|<script|<link", render(kind, "en", told).html)


def test_a_link_that_is_no_address_of_the_web_is_not_shown() -> None:
    message = render("raise", "en", {**body(), "link": "javascript:alert(1)"})

    assert "javascript" not in message.html + message.text + message.short
    assert "facility-monitor alarms ack o1" in message.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_says_all_that_the_text_says(language: str) -> None:
    told = {
        **body(), "usual_cause": "A fuse.", "consequence": "Motors burn.", "owner": "Eve",
        "link": "https://m.example.org/a",
        "facts": {"flow_l_h": 120.0, "usual_l_h": 4.0, "day_m3": 2.784, "day_cost": 11.27, "currency": "EUR"},
    }  # fmt: skip
    message = render("raise", language, told)
    page = Page(message.html).text

    for line in message.text.splitlines():
        said = re.split(r": |：", line, maxsplit=1)[-1]  # noqa: RUF001 - Chinese punctuation
        pieces = [piece for piece in re.split(r"[ ()（）]", said) if piece and not piece.startswith("https:")]  # noqa: RUF001
        assert [piece for piece in pieces if piece not in page] == [], line


def test_the_colour_of_the_bar_says_how_bad_it_is() -> None:
    colours = {
        severity: re.search(
            r"padding:9px 16px;background:(#\w+)", render("raise", "en", body(severity=severity)).html
        )
        for severity in ("critical", "high", "medium", "low")
    }
    over = re.search(
        r"background:(#\w+);color", render("clear", "en", body(NoticeKind.CLEAR, time=NOW + MINUTE)).html
    )

    assert over is not None
    assert len({found[1] for found in colours.values() if found} | {over[1]}) == 5
