"""Messages: what they say, in which language, and what they never say."""
# ruff: noqa: RUF001 - Chinese has punctuation of its own

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import monitor.notify.messages
from monitor.notify.messages import KINDS, LANGUAGES, render
from monitor.notify.routing import facts
from monitor.ports import NoticeKind
from tests.notify.house import MINUTE, NOW, notice, person, rule, site

HOUSE = site(person("ana", mail="json://a"))


def body(kind: NoticeKind = NoticeKind.RAISE, **changes: object) -> dict[str, Any]:
    return dict(facts(HOUSE, notice(kind, **changes)))


def test_a_raise_says_what_where_since_when_how_much_and_what_to_do() -> None:
    message = render("raise", "en", body())

    assert message.title == "[HIGH] Undervoltage: Main meter"
    assert message.text.splitlines() == [
        "Site: Maple Court",
        "Where: Main meter (main-electricity), building A, plant room",
        "Since: 2026-11-22 21:15:23 CET",
        "Point: voltage_l1_v",
        "Value: 201.3 V (limit 207 V)",
        "What to do: Check the main breaker.",
        "To acknowledge: facility-monitor alarms ack o1",
    ]
    assert message.severity == "high"


def test_a_condition_of_several_values_tells_them() -> None:
    known = body(rule=rule("composite"), value=None, limit=None) | {
        "facts": {"open": "true", "main.power_w": 250.04, "age_open": 1801.0}
    }

    assert "Values: age_open = 1801, main.power_w = 250.04, open = true" in render("raise", "en", known).text
    assert "数值：age_open = 1801，main.power_w = 250.04，open = true" in render("raise", "zh", known).text


def test_a_raise_in_chinese() -> None:
    message = render("raise", "zh", body(severity="critical"))

    assert message.title == "【紧急】Undervoltage：Main meter"
    assert "开始时间：2026-11-22 21:15:23 CET" in message.text
    assert "数值：201.3 V（限值 207 V）" in message.text


def test_a_clear_says_how_long_it_lasted() -> None:
    facts_of_end = body(NoticeKind.CLEAR, time=NOW + 65 * MINUTE)

    assert "after 1 h 5 min" in render("clear", "en", facts_of_end).text
    assert "持续 1 小时 5 分钟" in render("clear", "zh", facts_of_end).text


def test_an_acknowledgement_says_who_and_why() -> None:
    text = render("acknowledged", "en", body(NoticeKind.ACKNOWLEDGED, by="ben", reason="on my way")).text

    assert "by ben" in text
    assert "Remark: on my way" in text


def test_the_combined_message_says_both_times() -> None:
    text = render("combined", "en", body(), cleared=NOW + 7 * MINUTE).text

    assert "Raised: 2026-11-22 21:15:23 CET" in text
    assert "Cleared: 2026-11-22 21:22:23 CET, after 7 min" in text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_known_is_not_mentioned(kind: str, language: str) -> None:
    bare = body(device="gone", source_key="gone", value=None, limit=None)
    bare.pop("response")

    message = render(kind, language, bare, cleared=NOW)

    for word in ("None", "null", "Value", "数值", "limit", "Point", "What to do", "{", "}", "\n\n"):
        assert word not in message.text
    assert message.title
    assert "\n" not in message.title


@pytest.mark.parametrize("kind", ["state", "event", "offline", "stale"])
def test_rules_about_no_quantity_show_no_value(kind: str) -> None:
    assert "Value" not in render("raise", "en", body(rule=rule(kind), value=1.0)).text


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0 V"), (-0.0001, "-0.0001 V"), (1234567.89, "1234567.89 V"), (207.0, "207 V"), (1e-9, "0 V")],
)
def test_numbers_read_like_numbers(value: float, shown: str) -> None:
    assert f"Value: {shown} (" in render("raise", "en", body(value=value)).text


def test_a_title_holds_no_line_breaks_whatever_came_in() -> None:
    hostile = body(reason="done\r\nBcc: all@example.org\x00", by="x" * 5000)
    hostile["device"] = {"id": "d", "name": "a\r\nSubject: b" + "c" * 500}

    message = render("acknowledged", "en", hostile)

    assert len(message.title) <= 150
    assert all(character.isprintable() for character in message.title)
    assert "Remark: done Bcc: all@example.org" in message.text
    assert len(message.text) < 5000


def test_values_are_never_templates() -> None:
    assert "{{ 7 * 7 }}" in render("acknowledged", "en", body(reason="{{ 7 * 7 }}")).text


def test_late_data_is_called_late() -> None:
    assert "reported this late" in render("raise", "en", body(late=True)).text


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("en", "And 9999 more of the same since 2026-11-22 20:15:23 CET, at far-door, yard-door"),
        ("zh", "自 2026-11-22 20:15:23 CET 起另有 9999 条相同报警，设备：far-door、yard-door"),
    ],
)
def test_a_message_out_of_a_backlog_says_for_how_many_it_speaks(language: str, line: str) -> None:
    backlog = {"more": 9999, "first": NOW - 60 * MINUTE, "devices": ["far-door", "yard-door"]}
    alone = {**backlog, "more": 0}

    assert line in render("raise", language, {**body(late=True), "backlog": backlog}).text.splitlines()
    assert render("raise", language, {**body(late=True), "backlog": alone}) == render(
        "raise", language, body(late=True)
    )


def test_an_unknown_language_is_english() -> None:
    assert render("raise", "xx", body()) == render("raise", "en", body())


def test_every_language_has_every_template() -> None:
    folder = Path(monitor.notify.messages.__file__).parent / "templates"

    for language in LANGUAGES:
        assert {path.stem for path in (folder / language).glob("[a-z]*.j2")} == set(KINDS)


def _ms(iso: str) -> int:
    return round(datetime.fromisoformat(iso).timestamp() * 1000)


@pytest.mark.fault(
    "daylight saving ends",
    part="notifications",
    outcome="Of the hour that comes twice, messages say which they mean (02:30 CEST or 02:30 CET), and how long"
    " an alarm lasted is right across it.",
)
@pytest.mark.fault(
    "daylight saving begins",
    part="notifications",
    outcome="Times are those of people's clocks on either side, and how long an alarm lasted is right across it.",
)
@pytest.mark.parametrize(
    ("raised", "cleared", "shown"),
    [
        (
            "2026-10-25T02:30:00+02:00",
            "2026-10-25T02:30:05+01:00",
            ["Raised: 2026-10-25 02:30:00 CEST", "Cleared: 2026-10-25 02:30:05 CET, after 1 h"],
        ),
        (
            "2026-10-25T02:59:59+02:00",
            "2026-10-25T02:00:01+01:00",
            ["Raised: 2026-10-25 02:59:59 CEST", "Cleared: 2026-10-25 02:00:01 CET, after 2 s"],
        ),
        (
            "2026-03-29T01:59:59+01:00",
            "2026-03-29T03:00:01+02:00",
            ["Raised: 2026-03-29 01:59:59 CET", "Cleared: 2026-03-29 03:00:01 CEST, after 2 s"],
        ),
    ],
)
def test_times_are_right_in_the_nights_when_the_clocks_change(raised: str, cleared: str, shown: list[str]) -> None:
    facts_ = {**body(NoticeKind.CLEAR), "since": _ms(raised), "time": _ms(cleared)}

    assert render("clear", "en", facts_).text.splitlines()[2:4] == shown


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ["clear", "combined", "recorded"])
def test_a_clock_that_was_set_back_meanwhile_gives_no_duration(kind: str, language: str) -> None:
    facts_ = {**body(NoticeKind.CLEAR), "since": NOW, "time": NOW - MINUTE}
    text = render(kind, language, facts_, cleared=NOW - MINUTE).text

    assert "2026-11-22 21:14:23 CET" in text
    assert "after" not in text
    assert "持续" not in text
    assert "0 s" not in text


@pytest.mark.fault(
    "clock years wrong at boot",
    part="notifications",
    outcome="The end of an alarm from before the clock was set says when that was, and no duration of decades.",
)
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ["clear", "combined", "recorded"])
@pytest.mark.parametrize(("ended", "tells"), [(NOW, False), (2 * MINUTE, True)])
def test_an_alarm_of_1970_that_ends_now_has_no_duration(
    kind: str, language: str, ended: int, *, tells: bool
) -> None:
    facts_ = {**body(NoticeKind.CLEAR), "since": MINUTE, "time": ended}
    text = render(kind, language, facts_, cleared=ended).text

    assert ("after 1 min" in text or "持续 1 分钟" in text) is tells
    assert tells or not ("after" in text or "持续" in text)
