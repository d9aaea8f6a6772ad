"""Dashboards are drawn with what their panels show."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from matplotlib.image import imread

from tests.grafana.house import House, house
from tests.grafana.picture.__main__ import main
from tests.grafana.picture.charts import joined
from tests.grafana.picture.page import FOOTER, drawn
from tests.grafana.shipped import DASHBOARDS, panels_of


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory) as looked:
        yield looked


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_panel_of_every_dashboard_is_drawn(looked: House, name: str):
    texts = " ".join(text.get_text() for text in drawn(looked.look(name)).figure.texts)

    for panel in panels_of(DASHBOARDS[name]):
        assert panel["title"].replace("$", "")[:12] in texts.replace("\\$", "").replace("$", "")
    assert FOOTER in texts


def test_holes_alone_part_a_line_and_short_ones_do_not():
    hour, hole = 3_600_000, math.nan
    times = [at * hour for at in range(7)]

    found = joined(times, [1.0, 2.0, hole, 3.0, hole, hole, 4.0], 2.0 * hour)

    assert [time for time in found[0] if time % hour == 0] == [0, hour, 3 * hour, 6 * hour]
    assert [math.isnan(value) for value in found[1]] == [False, False, False, True, False]


def test_a_phone_shows_one_panel_below_the_other(looked: House):
    canvas = drawn(looked.look("overview"), phone=True)

    assert canvas.width == 430
    assert canvas.height > 38 * sum(panel["gridPos"]["h"] for panel in panels_of(DASHBOARDS["overview"]))


def test_the_command_writes_pictures(looked: House, tmp_path: Path):
    said = ["--url", looked.server.url, "--now", looked.now.isoformat(), "--var", "site=demo"]
    main(["overview", str(tmp_path / "one.png"), *said])
    main(["overview", str(tmp_path / "all"), "--phone", "--from", "now-6h", *said])

    assert imread(tmp_path / "one.png").shape[1] == 1920
    assert imread(tmp_path / "all" / "overview-phone.png").shape[1] == 430
