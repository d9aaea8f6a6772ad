"""Pictures are drawn by another process, in bounded time; the asker never loads the library."""

import asyncio
import re
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest

from monitor.reports.pictures import draw
from monitor.reports.report import Chart, Phrase, Series

TITLE = Phrase("chart_per_day", {"class": "water", "meter": ""})
NONE = Chart(kind="bars", title=TITLE, unit="m3", labels=("2026-10-01",), series=(Series("amount", (None,)),))
CHARTS = {
    "bars": Chart(
        kind="bars",
        title=TITLE,
        unit="m3",
        labels=tuple(f"2026-10-{day:02}" for day in range(1, 32)),
        series=(
            Series("amount", (None, *(float(day) for day in range(30))), is_word=True),
            Series("year_before", (1.5,) * 31, is_word=True),
        ),
        estimated=(4,),
    ),
    "columns": Chart(
        kind="columns",
        title=TITLE,
        unit="",
        labels=("2026-10-01", "2026-10-02", "2026-10-03"),
        series=(
            Series("by_card", (2.0, 1.0, None), is_word=True),
            Series("by_rex", (0.0, None, None), is_word=True, where="A"),
            Series("_hidden", (1.0, 2.0, None)),
        ),
    ),
    "heat": Chart(
        kind="heat",
        title=TITLE,
        unit="kWh",
        labels=tuple(f"{hour:02}:00" for hour in range(24)),
        series=tuple(Series(f"day_{day}", (None, *(1.0,) * 23), is_word=True) for day in range(1, 8)),
    ),
    "balance": Chart(
        kind="balance",
        title=TITLE,
        unit="m3",
        labels=("2026-01", "2026-02"),
        series=tuple(
            Series(name, values, is_word=True)
            for name, values in (("subs", (4.0, None)), ("difference", (-1.0, None)), ("mains", (3.0, 2.0)))
        ),
    ),
    "stack": Chart(
        kind="stack",
        title=TITLE,
        unit="EUR",
        labels=("Ana $x^2$", ""),
        series=(
            Series("night", (3.0, 0.0)),
            Series("feed-in", (-2.0, 1.0)),
            Series("line_tax", (0.0, 0.0), is_word=True),
        ),
    ),
    "calendar": Chart(
        kind="calendar",
        title=TITLE,
        unit="%",
        labels=("2026-10-01", "2026-10-02", "2026-10-03"),
        series=(Series("_hidden", (100.0, 99.999, None)), Series("b", (0.0, 50.0, 90.0))),
    ),
}


def texts(picture: bytes) -> set[str]:
    return {"".join(each.itertext()) for each in ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")}


def test_each_kind_says_its_units_and_words():
    drawn = dict(zip(CHARTS, draw(list(CHARTS.values()), "en"), strict=True))

    assert {"m³", "consumption", "a year before", "partly estimated", "not known", "10-08"} <= texts(drawn["bars"])
    columns = texts(drawn["columns"])
    assert {"by card", "A: by button", "\u200b_hidden", "not known", "0", "3"} <= columns
    assert [text for text in columns if "." in text] == []  # what is counted has no halves
    assert {"kWh / h", "Mon", "Sun", "21:00"} <= texts(drawn["heat"])
    assert {"sub-meters", "difference", "main meters", "2026-02"} <= texts(drawn["balance"])
    assert {"EUR", "night", "feed-in", "tax", "Ana $x^2$", "without a tenant"} <= texts(drawn["stack"])
    assert {"_hidden", "10-01", "100 %"} <= texts(drawn["calendar"])


def test_a_legend_of_many_long_names_stays_within_the_picture():
    names = [f"Circulation pump of the heating {number}" for number in range(8)]
    series = tuple(Series(name, (1.0, 2.0)) for name in names)
    many = Chart(kind="columns", title=TITLE, unit="h", labels=("2026-10-01", "2026-10-02"), series=series)

    (drawn,) = draw([many], "en")

    assert drawn is not None
    width = float(ET.fromstring(drawn).attrib["viewBox"].split()[2])
    found = [each for each in ET.fromstring(drawn).iter() if "".join(each.itertext()).startswith("Circulation")]
    places = [re.search(r"translate\(([-\d.]+)", each.attrib.get("transform", "")) for each in found]
    starts = [float(place[1]) for place in places if place] or [
        float(each.attrib["x"]) for each in found if "x" in each.attrib
    ]
    assert len(starts) == 8
    assert 0 < min(starts) < max(starts) < width


def test_the_same_chart_is_the_same_picture():
    assert draw([CHARTS["bars"]], "en") == draw([CHARTS["bars"]], "en")


def test_pictures_can_be_pixels():
    (drawn,) = draw([CHARTS["stack"]], "zh", form="png")

    assert drawn is not None
    assert drawn.startswith(b"\x89PNG")


def test_a_period_of_which_nothing_is_known_has_a_picture():
    (drawn,) = draw([NONE], "en")

    assert drawn is not None
    assert "not known" in texts(drawn)


@pytest.mark.parametrize("patience", [0.01, 60.0])
def test_what_takes_too_long_or_fails_is_no_picture(patience):
    broken = Chart(kind="bars" if patience < 1 else "pie", title=TITLE, unit="", labels=("a",), series=())

    assert draw([broken, NONE], "en", patience=patience) == [None, None]


async def test_whoever_asks_does_not_load_the_library():
    code = "import sys, monitor.reports.html, monitor.reports.build\n"
    code += "print([name for name in sys.modules if 'plotlib' in name])"

    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout == "[]\n"
