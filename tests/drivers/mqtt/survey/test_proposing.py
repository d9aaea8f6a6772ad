from pathlib import Path
from typing import Any

import yaml

from drivers import DRIVERS
from drivers.mqtt.survey.fitting import models
from monitor.documents.files import Files
from monitor.documents.finding import Findings
from monitor.profiles import Library
from monitor.settings.tables import resolve
from tests.drivers.mqtt.survey.said import CHIRPSTACK, SAID, proposed

PROFILES: dict[str, dict[str, Any]] = {
    "half": {"class": "electricity", "points": {"power_w": {"json": "$.p", "unit": "W"}, "pf": {"json": "$.cos"}}},
    "whole": {
        "class": "electricity",
        "points": {"power_w": {"json": "$.p", "unit": "W"}, "voltage_v": {"json": "$.u", "unit": "V"}},
    },
    "batteries": {
        "class": "door",
        "points": {"open": {"json": "$.contact"}, "battery_pct": {"json": "$.battery", "unit": "%"}},
    },
    "leaks": {"class": "safety", "points": {"alarm": {"json": "$.leak", "omitted": False}}},
    "below": {
        "class": "water",
        "mqtt": {"root": "$.object"},
        "points": {"volume_m3": {"json": "$.litres", "unit": "L"}},
    },
    "two-topics": {
        "class": "electricity",
        "points": {
            "power_w": {"json": "$.p", "unit": "W", "topic": "status/power"},
            "energy_import_kwh": {"json": "$.e", "unit": "kWh", "topic": "status/energy"},
        },
    },
    "choosy": {
        "class": "water",
        "choose": True,
        "variants": {
            "old": {"model": "X1", "points": {"flow_m3h": {"json": "$.flow", "unit": "m3/h"}}},
            "new": {"model": "X2", "points": {"flow_m3h": {"json": "$.stream", "unit": "m3/h"}}},
        },
    },
    "wm-one": {
        "class": "gas",
        "model": "wmbusmeters driver one",
        "points": {"volume_m3": {"json": "$.total_m3", "unit": "m3"}},
    },
    "wm-two": {
        "class": "gas",
        "model": "wmbusmeters driver two",
        "points": {"volume_m3": {"json": "$.total_m3", "unit": "m3"}},
    },
}
WIRELESS = {"id": "1", "timestamp": "2026-01-01T00:00:00Z", "media": "gas", "total_m3": 3.5}


def of(tmp_path: Path, said: dict[str, Any], *names: str, **changes: Any) -> dict[str, Any]:
    for name in names:
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump({"mqtt": {}} | PROFILES[name]))
    findings = Findings()
    files = Files(findings, folder=tmp_path, environ={}, credentials=None)
    known = models(Library([tmp_path], drivers=resolve(DRIVERS), files=files, findings=findings))
    assert not findings.errors
    return {proposal.entry["topic"]: proposal for proposal in proposed(said, models=known, **changes).values()}


def test_what_the_senders_document_is_proposed_by_its_profile() -> None:
    found = {str(each.entry["topic"]): each.entry.get("profile") for each in proposed(SAID).values()}

    assert found == {
        "zigbee2mqtt/front door": "aqara-mccgq11lm",
        "zigbee2mqtt/cellar": "aqara-sjcgq11lm",
        "wmbusmeters/99657098": "diehl-aerius",
        "doors/front": "esp-rfid",
        "tele/boiler": "tasmota-energy",
        "shellypro3em-0123456789ab": "shelly-pro-3em",
        "zigbee2mqtt/living room": None,
        "heating/boiler/state": None,
        CHIRPSTACK: None,
        "v3/app1@ttn/devices/dev1/up": None,
        "Advantech/00D0C9EFDBBD/data": None,
        "/devices/wb-msw_12": None,
        "emon/emontx": None,
        "sensors/cistern": None,
        "rtl_433/pi/events": None,
        "spBv1.0/Site/+/edge/pump": None,
    }


def test_the_profile_that_explains_more_of_the_payload_comes_first(tmp_path: Path) -> None:
    found = of(tmp_path, {"meters/1": {"p": 1.5, "u": 230.0}}, "half", "whole")["meters/1"]

    assert found.entry == {"id": "meters-1", "profile": "whole", "topic": "meters/1"}
    assert found.why == "2 of 2 points"
    assert found.others == (("half", "1 of 2 points, without pf"),)


def test_a_battery_makes_no_door(tmp_path: Path) -> None:
    found = of(tmp_path, {"a/b": {"battery": 90, "temperature": 20.5}}, "batteries")["a/b"]

    assert found.source == "guessed"


def test_what_is_absent_is_not_carried_whatever_its_absence_means(tmp_path: Path) -> None:
    assert of(tmp_path, {"a/b": {"temperature": 20.5}}, "leaks")["a/b"].source == "guessed"
    assert of(tmp_path, {"a/b": {"leak": True}}, "leaks")["a/b"].entry["profile"] == "leaks"


def test_the_envelope_of_a_profile_counts_for_nothing(tmp_path: Path) -> None:
    said = {"a/b": {"object": {"litres": 5}, "rx": [{"rssi": -1}] * 50, "x": 1, "y": 2}}

    assert of(tmp_path, said, "below")["a/b"].entry["profile"] == "below"
    assert of(tmp_path, {"a/b": {"litres": 5, "temp": 20.5}}, "below")["a/b"].source == "guessed"


def test_a_profile_is_tried_on_a_payload_too_large_to_be_walked_through(tmp_path: Path) -> None:
    said = {"a/b": {"noise": list(range(500)), "p": 1.5, "u": 230.0}}

    assert of(tmp_path, said, "whole")["a/b"].why == "2 of 2 points"


def test_topics_of_one_profile_are_one_device(tmp_path: Path) -> None:
    said = {"m/1/status/power": {"p": 1.5}, "m/1/status/energy": {"e": 3.5}, "m/2/status/power": {"p": 7.5}}
    found = of(tmp_path, said, "two-topics")

    assert {topic: each.why for topic, each in found.items()} == {
        "m/1": "2 of 2 points",
        "m/2": "1 of 2 points, without energy_import_kwh",
    }


def test_of_a_profile_that_has_to_be_chosen_the_variant_is_proposed_that_fits(tmp_path: Path) -> None:
    found = of(tmp_path, {"a/b": {"stream": 5.5}}, "choosy")["a/b"]

    assert found.entry == {"id": "a-b", "profile": "choosy", "variant": "new", "topic": "a/b"}


def test_a_meter_that_names_its_driver_gets_no_other_meters_profile(tmp_path: Path) -> None:
    said = {"w/1": WIRELESS | {"meter": "two"}, "w/2": WIRELESS | {"meter": "three"}}
    found = of(tmp_path, said, "wm-one", "wm-two")

    assert found["w/1"].entry["profile"] == "wm-two"
    assert found["w/1"].why == "1 of 1 points, its model is named"
    assert "profile" not in found["w/2"].entry
    assert found["w/2"].entry["class"] == "gas"


def test_what_is_in_the_site_file_already_is_not_proposed(tmp_path: Path) -> None:
    said = {"meters/1": {"p": 1.5, "u": 230.0}, "meters/2": {"p": 1.5, "u": 230.0}}

    assert list(of(tmp_path, said, "whole", covered=["meters/1"])) == ["meters/2"]


def test_the_announcement_of_a_device_is_worth_more_than_a_guess() -> None:
    found = proposed(SAID)["boiler-2"]

    assert found.source == "announced"
    assert found.entry["points"] == {"power_w": {"json": "$.power", "unit": "kW"}}


def test_a_reader_without_a_profile_is_not_guessed() -> None:
    said = {"gate": {"uid": "04A1", "temperature": 20.5}, "cards/last": "123", "x/rfid": {"temperature": 20.5}}

    assert proposed(said) == {}


def test_two_devices_of_one_name_have_ids_of_their_own() -> None:
    said = {f"v3/{app}/devices/dev1/up": SAID["v3/app1@ttn/devices/dev1/up"] for app in ("one", "two")}

    assert list(proposed(said)) == ["dev1", "dev1-2"]


def test_a_wireless_meter_whose_values_have_topics_of_their_own_is_one_device() -> None:
    base = "rtl_433/pi/devices/ERT-SCM/12345678"
    values = {"time": "2026-11-27 06:00:00", "id": "12345678", "consumption_data": "339972", "ert_type": "0"}
    (found,) = proposed({f"{base}/{key}": value for key, value in values.items()}).values()

    assert found.entry == {"id": "ert-scm-12345678", "profile": "itron-ert-scm", "topic": base}
    assert "its model is named" in found.why


def test_a_variant_that_no_message_tells_is_for_a_person_to_choose() -> None:
    (found,) = proposed({"rtl_433/pi/devices/ERT-SCM/1/consumption_data": "339972"}).values()

    assert not found.addable
    assert [variant for variant, _ in found.choices] == [
        "cubic-feet",
        "cubic-metres",
        "gallons",
        "hundred-cubic-feet",
    ]
    assert found.others == ()
