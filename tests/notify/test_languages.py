"""Catalogues are complete, and nothing that people read is left out of them."""
# ruff: noqa: RUF001 - Chinese has punctuation of its own

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from babel.messages import Catalog
from babel.messages.pofile import read_po, write_po
from babel.support import NullTranslations

from monitor.notices import NoticeKind
from monitor.notify import languages, messages
from monitor.notify.languages import CATALOGUES, LANGUAGES, TAGS, speech
from monitor.notify.messages import KINDS, render
from monitor.notify.painting import wish
from monitor.notify.routing import facts
from tests.notify.house import MINUTE, NOW, notice, person, site

ROOT = Path(__file__).parents[2]
OTHERS = [language for language in LANGUAGES if language != "en"]
SAME = frozenset({"CO2", "{text}", "{one}\n{other}", "{count} {unit}"})
"""What is the same in every language: formulas, and sentences that have no words of their own."""

_PLACE = re.compile(r"%\((\w+)\)s|\{(\w+)\}")


DOMAINS = sorted(path.stem for path in (ROOT / "docs" / "catalogues").glob("*.cfg"))


def path_of(language: str, domain: str) -> Path:
    return CATALOGUES / language / "LC_MESSAGES" / f"{domain}.po"


def catalogue(language: str, domain: str = "messages") -> Catalog:
    with path_of(language, domain).open("rb") as file:
        return read_po(file, locale=language)


def said(catalogue_: Catalog) -> Iterator[tuple[str, tuple[str, ...], Any]]:
    for message in catalogue_:
        if message.id:
            asked = message.id if isinstance(message.id, tuple) else (message.id,)
            told = message.string if isinstance(message.string, (tuple, list)) else (message.string,)
            yield asked[0], asked, told


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("language", OTHERS)
def test_every_text_has_a_translation_that_is_none_of_english(language: str, domain: str) -> None:
    words = catalogue(language, domain)
    found = list(said(words))

    assert [key for key, _, told in found if not all(told)] == []
    assert {key for key, asked, told in found if set(asked) & set(told)} <= SAME
    assert [message.id for message in words if message.fuzzy and message.id] == []


@pytest.mark.parametrize("language", OTHERS)
def test_catalogues_agree_on_what_several_of_them_say(language: str) -> None:
    told: dict[object, dict[object, str]] = {}
    for domain in DOMAINS:
        for message in catalogue(language, domain):
            if message.id:
                told.setdefault(message.id, {})[message.string] = domain

    assert {key: each for key, each in told.items() if len(each) > 1} == {}
    assert len(told) > 100


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("language", OTHERS)
def test_translations_have_the_places_of_the_original(language: str, domain: str) -> None:
    for _, asked, told in said(catalogue(language, domain)):
        for each in told:
            assert set(_PLACE.findall(each)) == {name for one in asked for name in _PLACE.findall(one)}, asked


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("language", OTHERS)
def test_the_catalogue_has_all_that_templates_programs_and_stock_rules_say(
    language: str, domain: str, tmp_path: Path
) -> None:
    found = tmp_path / "messages.pot"
    subprocess.run(
        [
            *(sys.executable, "-m", "babel.messages.frontend", "-q", "extract"),
            *("-F", f"docs/catalogues/{domain}.cfg", "-k", "Place:2"),
            *("-k", "ugettext", "-k", "say", "-k", "Sentence", "--omit-header", "-o", str(found), "."),
        ],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        check=True,
    )
    with found.open("rb") as file:
        asked = {message.id for message in read_po(file) if message.id}
    known = {message.id for message in catalogue(language, domain) if message.id}

    assert asked == known, "make messages"


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("language", OTHERS)
def test_the_catalogue_is_written_as_babel_writes_it(language: str, domain: str) -> None:
    out = BytesIO()
    write_po(out, catalogue(language, domain), width=110, sort_output=True, no_location=True, ignore_obsolete=True)

    assert out.getvalue().decode() == path_of(language, domain).read_text("utf-8")


def test_chinese_says_many_as_it_says_one() -> None:
    words = languages.words_of("zh")

    assert {words.ungettext("%(count)s device", "%(count)s devices", count) for count in (0, 1, 2, 9)} == {
        "%(count)s 台设备"
    }


def test_every_language_has_its_tag() -> None:
    assert set(TAGS) == set(LANGUAGES)


# No text is left out -------------------------------------------------------------------------------------


class Wrapped(NullTranslations):
    """A language in which every text stands in brackets, but what is put into it."""

    def gettext(self, message: str) -> str:
        pieces = re.split(r"(%\(\w+\)s)", message)
        return "".join(piece if at % 2 or not piece else f"⟦{piece}⟧" for at, piece in enumerate(pieces))

    def ngettext(self, msgid1: str, msgid2: str, num: int) -> str:
        return self.gettext(msgid1 if num == 1 else msgid2)

    ugettext = gettext
    ungettext = ngettext


FACTS: Mapping[str, Any] = {
    "flow_l_h": 1.0, "usual_l_h": 2.0, "flows_for_h": 3.0, "day_m3": 4.0, "day_cost": 5.0, "currency": "EUR",
    "contract": 6.0, "share_pct": 7.0, "status": "predicted", "left_s": 8, "unit": "W", "month_cost": 9.0,
    "expected": 1.0, "expected_low": 1.0, "expected_high": 2.0, "hours": 3, "difference": 4.0, "cost": 5.0,
    "odd": "1", "until": NOW, "assignee": "0", "used_cost": 3.0,
}  # fmt: skip
SEVERAL: tuple[Mapping[str, Any], ...] = (
    FACTS,
    {"status": "metering_fault"},
    {"missing_m3": 1.0, "main_m3": 2.0},
    {"missing_kwh": 1.0, "main_kwh": 2.0, "day_cost": 1.0, "currency": "EUR"},
    {"day_kwh": 1.0},
    {"contract": 6.0, "share_pct": 7.0, "status": "reached", "unit": "W"},
    {"contract": 6.0, "share_pct": 7.0, "status": "predicted", "unit": "W"},
    {"odd": "1", "status": "phase_loss"},
)
WHYS = ("group", "pace", "quiet", "budget", "flood", "maintenance")


def bodies(kind: str) -> Iterator[dict[str, Any]]:
    """Bodies whose facts hold no letters, but those that `_is_fact` knows."""
    plain = dict(facts(site(person("1", mail="json://a")), notice(NoticeKind.RAISE))) | {
        "site": {"id": "0", "name": "0", "timezone": "Europe/Berlin"},
        "device": {"id": "0", "name": "0"},
        "rule": {"id": "0", "name": "0", "kind": "threshold"},
        "occurrence": "0", "response": "0", "point": "voltage_l1_v", "building": "0", "zone": "0",
    }  # fmt: skip
    for more in SEVERAL:
        yield {**plain, "facts": more}
    known = {"by": "0", "reason": "0", "response": "0", "usual_cause": "0", "consequence": "0", "owner": "0"}
    for cause in ("unshelved", "unsuppressed", "returned", "re_alarm", "quiet", "reopened", "raised"):
        yield {
            **plain,
            **known,
            "facts": FACTS,
            "cause": cause,
            "link": "https://0/",
            "late": True,
            "channel": "0",
        }
        yield {**plain, "reason": "0", "cause": cause, "unacked": True, "person": "0"}
    yield {**plain, "unrecorded": True, "backlog": {"more": 3, "first": NOW, "devices": ["0", "1"]}}
    yield {
        **plain,
        "backlog": {"more": 3, "first": NOW, "devices": ["0"]},
        "rule": {**plain["rule"], "kind": "event"},
    }
    yield {**plain, "rule": {**plain["rule"], "kind": "composite"}, "facts": {"0": 1.0, "1": "0"}}
    one = {"severity": "high", "rule": plain["rule"], "device": plain["device"], "since": NOW, "building": "0"}
    alarms = [
        {**one, "kind": "raise", "cleared": None},
        {**one, "kind": "clear", "cleared": NOW + MINUTE},
        {**one, "kind": "clear", "cleared": NOW - MINUTE},
        {**one, "kind": "acknowledged", "cleared": None, "by": "0"},
        {**one, "kind": "acknowledged", "cleared": None},
        {**one, "kind": "remind", "cleared": None},
    ]
    for why in WHYS if kind == "gathered" else ():
        yield {**plain, "gathered": {"why": why, "count": 7, "more": 2, "alarms": alarms}}
        yield {**plain, "gathered": {"why": why, "count": 1, "more": 0, "alarms": alarms[1:2]}}


_MARKUP = re.compile(r"<style>.*?</style>|<[^>]*>|&\w+;|&#\d+;", re.DOTALL)
_ATTRIBUTES = re.compile(r'(?:alt|title|aria-label)="([^"]*)"')
_SENTENCE = re.compile(r"[^\W\d_]+")
_FACTS = frozenset(
    {
        "facility",
        "monitor",
        "alarms",
        "ack",
        "close",
        "cause",
        "WORD",
        "ID",
        "L",
        "h",
        "W",
        "V",
        "m",
        "m³",
        "kWh",
        "L1",
        "voltage",
        "l",
        "v",
        "https",
        "EUR",
    }
    | {"Sun", "Nov", "hr", "min", "sec", "days", "day", "CET", "show", "close", "cause", "WORD"}
)
"""Commands, units, names of points, and what Babel writes of dates and durations."""


def outside(text: str) -> set[str]:
    """The words that stand in no bracket."""
    depth, kept = 0, []
    for sign in text:
        depth += (sign == "⟦") - (sign == "⟧")
        kept.append(sign if depth == 0 and sign != "⟧" else " ")
    assert depth == 0, text
    return set(_SENTENCE.findall("".join(kept))) - _FACTS


@pytest.fixture
def wrapped(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def words(_language: str) -> NullTranslations:
        return Wrapped()

    def clock(*_: object) -> str:
        return "0"

    monkeypatch.setattr(languages, "words_of", words)
    monkeypatch.setattr(languages.Speech, "clock", clock)
    messages._environment.cache_clear()
    speech.cache_clear()
    yield
    messages._environment.cache_clear()
    speech.cache_clear()


@pytest.mark.usefixtures("wrapped")
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_said_past_the_catalogues(kind: str) -> None:
    for body in bodies(kind):
        if kind == "gathered" and "gathered" not in body:
            continue
        message = render(kind, "en", body, cleared=NOW + MINUTE, image="0")

        assert outside(message.title) == set()
        assert outside(message.text) == set(), message.text
        assert outside(message.short) == set(), message.short
        assert outside(_MARKUP.sub(" ", message.html)) == set()
        assert [text for text in _ATTRIBUTES.findall(message.html) if outside(text)] == []


def test_a_text_that_is_no_translation_is_found() -> None:
    assert outside("⟦Since⟧: 0 V yesterday") == {"yesterday"}


def test_the_picture_speaks_the_language_of_its_mail() -> None:
    body = facts(site(person("ana", mail="json://a")), notice(NoticeKind.RAISE))
    said_ = wish("raise", "zh", body, None, now=NOW)

    assert said_ is not None
    assert said_["limit_label"] == "限值 207 V"
    assert all(not re.search("[A-Za-z]", name) for name in said_["names"].values())


# Babel ---------------------------------------------------------------------------------------------------


def test_babel_comes_with_the_first_message_and_not_before() -> None:
    program = (
        "import sys, monitor.app.parts, monitor.notify.messages as messages, monitor.notify.painting\n"
        "assert not [name for name in sys.modules if name.split('.')[0] == 'babel'], 'too early'\n"
        "assert 'matplotlib' not in sys.modules\n"
        "body = {'site': {'name': 's', 'timezone': 'UTC'}, 'rule': {'name': 'r', 'kind': 'x'}, 'severity': 'low',"
        " 'device': {'id': 'd', 'name': 'd'}, 'since': 0, 'time': 0, 'occurrence': 'o', 'cause': '',"
        " 'late': False}\n"
        "print(messages.render('clear', 'zh', body).title)\n"
        "assert 'babel' in sys.modules"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)

    assert done.stdout.strip() == "【已恢复】r：d"


@pytest.mark.parametrize(
    ("language", "amount", "currency", "written"),
    [
        ("en", 11.27, "EUR", "€11.27"),
        ("en", 1234.5, "CNY", "CN¥1,234.50"),
        ("zh", 1234.5, "CNY", "¥1,234.50"),
        ("zh", 3, "XYZ", "XYZ3.00"),
    ],
)
def test_money_is_written_as_the_language_does(language: str, amount: float, currency: str, written: str) -> None:
    assert speech(language, "UTC").money(amount, currency) == written


def test_the_year_stands_where_it_is_another() -> None:
    in_berlin = speech("en", "Europe/Berlin")

    assert in_berlin.clock(NOW, NOW) == "Sun 22 Nov, 21:15"
    assert in_berlin.clock(NOW - 400 * 86_400_000, NOW) == "Sat 18 Oct 2025, 22:15"
    assert in_berlin.clock(0, 0) == "Thu 1 Jan 1970, 01:00"
    assert speech("zh", "Asia/Shanghai").clock(NOW - 400 * 86_400_000, NOW) == "2025年10月19日 周日 04:15"
