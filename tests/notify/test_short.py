"""Texts for what carries little: what they hold, and where they may be cut."""
# ruff: noqa: RUF001 - Chinese has punctuation of its own

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.notify.messages import KINDS, LANGUAGES, render
from monitor.notify.short import fitted, room, shorten, squeeze
from tests.notify.house import NOW, body


def test_a_short_text_says_how_bad_what_where_how_much_and_how_to_acknowledge() -> None:
    assert render("raise", "en", body()).short == (
        "HIGH Undervoltage: Main meter. 201.3 V (limit 207 V). building A, plant room. since 21:15."
        " Ack: facility-monitor alarms ack o1"
    )
    assert render("raise", "zh", body()).short == (
        "高 欠压：Main meter；201.3 V（限值 207 V）；楼栋 A，plant room；始于 21:15；"
        "确认：facility-monitor alarms ack o1"
    )


def test_where_there_is_a_link_it_is_the_way_to_acknowledge_and_is_never_cut() -> None:
    link = "https://monitor.example.org/a/" + "x" * 60
    short = render("raise", "en", {**body(), "link": link}).short

    assert short.endswith(f"Ack: {link}")
    assert room(short) >= 0
    assert "201.3 V (limit 207 V)" in short
    assert "since" not in short


def test_what_has_no_room_is_left_out_in_its_order() -> None:
    short = render("raise", "en", {**body(), "device": {"id": "d", "name": "A name that is long " * 5}}).short

    assert room(short) >= 0
    assert short.startswith("HIGH Undervoltage: A name that is long")
    assert "plant room" not in short


def test_signs_that_would_halve_the_room_are_written_plainly() -> None:
    short = render("raise", "en", body(value=1.5, limit=1.0) | {"unit": "m3/h", "point": "flow_m3h"}).short

    assert "1.5 m3/h (limit 1 m3/h)" in short
    assert room("x" * 160) == 0
    assert room("x" * 159 + "€") == -1
    assert room("限" * 134) == 0
    assert room("限" + "x" * 134) == -1
    assert room("😀" * 67) == 0


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "gathered"])
@pytest.mark.parametrize("name", ["x" * 1000, "A word " * 100, "水表" * 100, "1,234.5 " * 60, "😀 ³" * 80])
def test_every_kind_fits_whatever_things_are_called(kind: str, language: str, name: str) -> None:
    named = {**body(), "device": {"id": "d", "name": name}, "link": "https://example.org/" + "y" * 90}
    short = render(kind, language, named, cleared=NOW).short

    assert short
    assert room(short) >= 0
    assert not re.search(r"[,.\d]\.\.\.$", short) or name[:1].isdigit()


@pytest.mark.parametrize(
    ("text", "most", "cut"),
    [
        ("short", 10, "short"),
        ("one two three", 10, "one two…"),
        ("flow 1234.5 L/h", 11, "flow…"),
        ("flow 12,345 L/h", 9, "flow…"),
        ("水压超出范围", 5, "水压超出…"),
        ("水压 123.45 bar", 7, "水压…"),
        ("nowheretocut", 6, "nowhe…"),
    ],
)
def test_a_text_is_cut_between_words_and_never_in_a_number(text: str, most: int, cut: str) -> None:
    assert shorten(text, most) == cut


@given(st.text(max_size=400), st.integers(min_value=10, max_value=200))
def test_what_is_fitted_fits(text: str, most: int) -> None:
    assert len(fitted(text, most)) <= most
    assert room(fitted(text, None)) >= 0


@given(st.lists(st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), max_size=120), max_size=6))
def test_what_is_squeezed_fits_and_begins_with_the_first(texts: list[str]) -> None:
    lines = [f"{rank}\t{text}" for rank, text in enumerate(["HIGH It leaks", *texts])]
    said = squeeze(lines)

    assert room(said) >= 0
    assert said.startswith("HIGH It leaks")
