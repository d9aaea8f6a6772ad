"""Times and intervals as Grafana reads them."""

from datetime import UTC, datetime

import pytest

from tests.grafana.answers.ranges import Range, interval_text, of_panel, parse, width_of_interval

_NOW = datetime(2026, 11, 27, 12, 34, 56, tzinfo=UTC)
_ZONE = "Europe/Berlin"


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("now", "2026-11-27T13:34:56+01:00", "2026-11-27T13:34:56+01:00"),
        ("now/d", "2026-11-27T00:00:00+01:00", "2026-11-27T23:59:59.999+01:00"),
        ("now-1d/d", "2026-11-26T00:00:00+01:00", "2026-11-26T23:59:59.999+01:00"),
        ("now/w", "2026-11-23T00:00:00+01:00", "2026-11-29T23:59:59.999+01:00"),
        ("now/M", "2026-11-01T00:00:00+01:00", "2026-11-30T23:59:59.999+01:00"),
        ("now-1M", "2026-10-27T13:34:56+01:00", "2026-10-27T13:34:56+01:00"),
        ("now-6h", "2026-11-27T07:34:56+01:00", "2026-11-27T07:34:56+01:00"),
        ("now-33d", "2026-10-25T13:34:56+01:00", "2026-10-25T13:34:56+01:00"),
        ("now-34d/d", "2026-10-24T00:00:00+02:00", "2026-10-24T23:59:59.999+02:00"),
    ],
)
def test_words_mean_moments_of_the_viewers_zone(text: str, begin: str, end: str):
    assert parse(text, _NOW, _ZONE) == datetime.fromisoformat(begin)
    assert parse(text, _NOW, _ZONE, end=True) == datetime.fromisoformat(end)


def test_a_panel_has_a_range_of_its_own_where_the_dashboards_is_relative():
    chosen = Range(start="now-7d", now=_NOW)
    today = of_panel({"timeFrom": "now/d"}, chosen)
    month = of_panel({"timeFrom": "30d"}, chosen)
    before = of_panel({"timeFrom": "now/d", "timeShift": "7d"}, chosen)

    assert today.begin == datetime.fromisoformat("2026-11-27T00:00+01:00")
    assert month.begin == datetime.fromisoformat("2026-10-28T13:34:56+01:00")
    assert before.begin == datetime.fromisoformat("2026-11-20T00:00+01:00")
    assert before.finish == datetime.fromisoformat("2026-11-20T13:34:56+01:00")


def test_a_range_that_is_said_by_dates_holds_for_every_panel():
    chosen = Range(start="2026-11-01", end="2026-11-02", now=_NOW)

    assert of_panel({"timeFrom": "now/d"}, chosen) == chosen


def test_an_override_that_grafana_calls_invalid_is_a_mistake():
    with pytest.raises(AssertionError, match="takes no timeFrom"):
        of_panel({"timeFrom": "now-1d/d"}, Range(start="now-7d", now=_NOW))


@pytest.mark.parametrize(
    ("start", "pixels", "least", "interval"),
    [
        ("now-24h", 900, "10s", "2m"),
        ("now-24h", 900, "5m", "5m"),
        ("now-30d", 900, "10s", "1h"),
        ("now-5m", 900, "10s", "10s"),
        ("now-1h", 400, "1s", "10s"),
    ],
)
def test_an_interval_is_a_pixel_wide_and_not_below_the_least(start: str, pixels: int, least: str, interval: str):
    assert interval_text(width_of_interval(Range(start=start, now=_NOW), pixels, least)) == interval
