"""Times and durations in messages: across changes of the clock, and when the clock was wrong."""

from datetime import datetime

import pytest

from monitor.notices import NoticeKind
from monitor.notify.messages import LANGUAGES, render
from tests.notify.house import MINUTE, NOW, body


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
            ["Raised: Sun 25 Oct, 02:30 CEST", "Cleared: Sun 25 Oct, 02:30 CET, after 1 hr"],
        ),
        (
            "2026-10-25T02:59:59+02:00",
            "2026-10-25T02:00:01+01:00",
            ["Raised: Sun 25 Oct, 02:59 CEST", "Cleared: Sun 25 Oct, 02:00 CET, after 2 sec"],
        ),
        (
            "2026-03-29T01:59:59+01:00",
            "2026-03-29T03:00:01+02:00",
            ["Raised: Sun 29 Mar, 01:59", "Cleared: Sun 29 Mar, 03:00, after 2 sec"],
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

    assert ("Sun 22 Nov, 21:14" in text) or ("11月22日 周日 21:14" in text)
    assert "after" not in text
    assert "持续" not in text
    assert "0 s" not in text
    assert "0秒" not in text


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

    assert ("after 1 min" in text or "持续 1分钟" in text) is tells
    assert tells or not ("after" in text or "持续" in text)
