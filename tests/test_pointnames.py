"""What points are called, in English and Chinese."""

import pytest

from monitor.notify.languages import point_names
from monitor.pointnames import PointNames
from monitor.schema import COUNTER_NAMES, MONITOR_POINTS, STATES, delta_name

ENGLISH, CHINESE = PointNames(), point_names("zh")


@pytest.mark.parametrize(
    ("point", "english", "chinese"),
    [
        ("energy_import_kwh", "Energy imported", "正向电能"),
        ("flow_temperature_c", "Flow temperature", "供水温度"),
        ("flow_m3h", "Flow", "流量"),
        ("voltage_l2_v", "Voltage L2", "电压 L2"),
        ("current_n_a", "Current N", "电流 N"),
        ("voltage_avg_ll_v", "Voltage between phases, average", "线电压（平均）"),  # noqa: RUF001 - Chinese
        ("energy_import_t2_kwh", "Energy imported, tariff 2", "正向电能（费率 2）"),  # noqa: RUF001 - Chinese
        ("volume_delta_m3", "Volume, increase", "体积（增量）"),  # noqa: RUF001 - Chinese
        ("input_12", "Input 12", "输入 12"),
        ("battery_pct", "Battery", "电池"),
        ("battery_v", "Battery voltage", "电池电压"),
        ("supply_v", "Supply voltage", "供电电压"),
        ("co2_ppm", "CO2", "二氧化碳"),
    ],
)
def test_a_point_is_called_by_its_quantity_and_which_one_it_is(point: str, english: str, chinese: str) -> None:
    assert (ENGLISH(point), CHINESE(point)) == (english, chinese)


@pytest.mark.parametrize(
    ("point", "name"),
    [
        ("oil_pump_bar", "Oil pump"),
        ("north_gate_closed", "North gate closed"),
        ("x", "X"),
        ("l1", "L1"),
        ("2", "2"),
    ],
)
def test_what_a_site_made_up_is_called_by_its_own_words(point: str, name: str) -> None:
    assert ENGLISH(point) == CHINESE(point) == name
    assert not ENGLISH.known(point)


def test_whatever_the_monitor_tells_itself_has_a_name() -> None:
    beside = {"demand_w", "demand_predicted_w", "demand_sliding_m3h", "hours", "starts", "state"}
    told = {*STATES, *MONITOR_POINTS, *beside, *map(delta_name, COUNTER_NAMES["electricity"])}

    assert [point for point in sorted(told) if not ENGLISH.known(point)] == []
