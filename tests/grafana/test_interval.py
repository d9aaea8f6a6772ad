import pytest

from tests.bench.panels import interval

DAY = 86_400_000


@pytest.mark.parametrize(
    ("span", "shortest", "step"),
    [
        (DAY, "10s", "1m"),
        (7 * DAY, "10s", "10m"),
        (30 * DAY, "10s", "30m"),
        (DAY // 24, "10s", "10s"),
        (DAY, "1h", "1h"),
    ],
)
def test_an_interval_is_the_round_step_that_grafana_takes(span: int, shortest: str, step: str):
    assert interval(span, shortest) == step
