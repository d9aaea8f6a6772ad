"""The budgets of a site's buses: where what does not fit is told, and what a reload says of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from monitor.app import budgets_of, load_site
from monitor.settings import Loaded, SettingsInvalid
from monitor.settings.budgets import told
from monitor.settings.difference import difference

HEAD = """\
site: {id: house, timezone: Europe/Berlin}
connections:
  - {id: line, modbus: {transport: rtu, port: /dev/line, baudrate: 2400}}
  - {id: network, modbus: {transport: tcp, host: 127.0.0.1}}
  - {id: broker, mqtt: {url: "mqtt://127.0.0.1"}}
devices:
  - {id: quick, profile: eastron-sdm630, connection: network}
"""


def loaded(folder: Path, devices: str) -> Loaded:
    path = folder / "site.yaml"
    path.write_text(HEAD + devices)
    return load_site(path, {}, thorough=True)


def meter(number: int, every: str = "10 s", connection: str = "line") -> str:
    where = f"connection: {connection}, unit: {number}"
    return f"  - {{id: m{number}, profile: eastron-sdm630, {where}, every: {every}}}\n"


def test_only_a_bus_that_is_planned_has_a_budget(tmp_path: Path) -> None:
    site = loaded(tmp_path, meter(1))

    assert list(site.budgets) == ["line", "network"]
    assert site.budgets == budgets_of(site.site)


def test_a_device_that_cannot_be_read_so_often_is_a_mistake_at_its_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        loaded(tmp_path, meter(1) + meter(2, "500 ms"))

    first, second = caught.value.findings
    assert (first.line, first.path) == (3, "connections[0]")
    assert (second.line, second.path) == (9, "devices[2]")
    assert second.message.startswith("m2: one poll of its fast points takes ")
    assert "line" in caught.value.budgets


def test_a_point_that_cannot_be_read_is_told_once(tmp_path: Path) -> None:
    inside = "points: {pf: {register: input 90, type: int16}}"

    with pytest.raises(SettingsInvalid, match="lies in a range that the profile forbids") as caught:
        loaded(tmp_path, f"  - {{id: m1, profile: eastron-sdm630, connection: line, {inside}}}\n")

    assert len(caught.value.findings) == 1


def test_secrets_that_are_absent_hide_no_plan_that_does_not_fit(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="need"):
        loaded(
            tmp_path,
            "".join(map(meter, range(1, 40))) + "sinks: {influxdb: {url: 'http://a', token: !secret t}}\n",
        )


def test_a_line_for_people_has_singulars_and_small_loads(tmp_path: Path) -> None:
    budgets = loaded(tmp_path, meter(1, "10 min", "network")).budgets

    assert told("network", budgets["network"]) == (
        "network: 2 devices, one round takes 78 ms, busy 0.21 % of the time; with 1 device dead 10 %"
    )


def test_a_reload_says_which_loads_change(tmp_path: Path) -> None:
    def load(devices: str) -> tuple[Any, Mapping[str, Any]]:
        site = loaded(tmp_path, devices)
        return site.site, site.budgets

    old, before = load(meter(1))
    new, after = load(meter(1, "20 s"))
    gone, nothing = load("")

    changed = difference(old, new, before=before, after=after).load
    assert list(changed) == ["line"]
    assert changed["line"] == {
        "before": pytest.approx(0.0991, abs=0.001),
        "after": pytest.approx(0.0506, abs=0.001),
    }
    assert difference(old, old, before=before, after=before).load == {}
    assert difference(new, gone, before=after, after=nothing).load["line"]["after"] is None
