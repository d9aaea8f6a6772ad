"""Which alarms of another rule are near a device is looked up, and not searched for among all of them."""

from collections.abc import Iterator

from rules.surroundings import Surroundings


class _Unsearchable(dict[str, frozenset[str]]):
    def __iter__(self) -> Iterator[str]:
        raise AssertionError("a hundred thousand sources would be gone through for each of a hundred thousand")


def test_alarms_near_a_device_are_found_without_a_search() -> None:
    watched = _Unsearchable(
        {
            "pump": frozenset({"pump/power_w", "pump/running"}),
            "well": frozenset({"well/level_m", "well/flow_m3h"}),
            "bus": frozenset({"bus"}),
        }
    )
    above = {"pump": frozenset({"well/level_m", "well/other", "bus", "nobody/water"})}
    around = Surroundings(above=above, watched={"low": watched})

    assert around.near("low", "pump") == {"pump/power_w", "pump/running", "well/level_m", "bus"}
    assert around.near("low", "well") == {"well/level_m", "well/flow_m3h"}
    assert around.near("low", "nobody") == around.near("unknown", "pump") == frozenset()
