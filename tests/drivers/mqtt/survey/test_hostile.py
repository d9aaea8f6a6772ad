"""Whatever is said, it is told and nothing breaks, and what is proposed is what the settings take."""

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from drivers import DRIVERS
from drivers.mqtt.survey.entries import identified
from drivers.mqtt.survey.families import everybody
from drivers.mqtt.survey.grouping import grouped
from drivers.mqtt.survey.heard import Survey
from drivers.mqtt.survey.masking import shown, shown_topic
from drivers.mqtt.survey.proposing import propose
from monitor.cli.sitefile import snippet
from monitor.settings import load
from monitor.settings.tables import resolve
from rules.kinds import RULES
from tests.drivers.mqtt.survey.said import SAID, shipped
from tests.examples import examples

MODELS = shipped()
KEYS = st.sampled_from(
    [
        *("temp", "power", "energy_kwh", "total_m3", "state", "contact", "uid", "a b", "it's", "Voltage", "time"),
        *(
            "meter",
            "id",
            "timestamp",
            "media",
            "device",
            "~",
            "stat_t",
            "dev_cla",
            "unit_of_meas",
            "val_tpl",
            "cmps",
        ),
        *("availability", "p", "name", "quality", "é", "\x1b[31m"),
    ]
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(
        ["ON", "open", "power", "W", "kWh", "{{ value_json.a }}", "sensor", "~/x", "a/b", "\x1b]0;x\x07"]
    ),
    st.text(max_size=20),
)
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=15
)
PAYLOADS = st.one_of(
    st.binary(max_size=60),
    TREES.map(lambda tree: json.dumps(tree).encode()),
    st.sampled_from([what for what in SAID.values() if isinstance(what, dict)]).map(
        lambda tree: json.dumps(tree).encode()
    ),
    st.dictionaries(KEYS, LEAVES, max_size=4).map(
        lambda pairs: " ".join(f"{k}={v}" for k, v in pairs.items()).encode(errors="replace")
    ),
)
TOPICS = st.one_of(
    st.sampled_from(
        [*SAID, "homeassistant/device/x/config", "homeassistant/binary_sensor/x/config", "a/b", "/", "a//b"]
    ),
    st.text(st.characters(blacklist_characters="+#\0", blacklist_categories=("Cs",)), min_size=1, max_size=20),
)


@settings(max_examples=examples(50), deadline=None)
@given(st.lists(st.tuples(TOPICS, PAYLOADS), min_size=1, max_size=6))
def test_whatever_is_said_makes_a_site_file_or_nothing(said: list[tuple[str, bytes]]) -> None:
    survey = Survey()
    for number, (topic, payload) in enumerate(said):
        survey.hear(topic, payload, retained=number % 2 == 0, now=float(number))
    known = everybody(survey.topics)
    groups = grouped((each, known[topic]) for topic, each in survey.topics.items())
    for topic, each in survey.topics.items():
        assert shown_topic(topic)
        assert all(len(shown(topic, sample, reader=False)) <= 160 for sample in each.samples.values())

    found = [each for each in identified(propose(survey.topics, known, MODELS)) if each.addable]

    assert sum(len(group.members) for group in groups) == len(survey.topics)
    _is_accepted([{"connection": "broker", **each.entry} for each in found])


def _is_accepted(devices: list[dict[str, Any]]) -> None:
    """Load a site file of them; SettingsInvalid would tell what it does not take."""

    connections = [{"id": "broker", "mqtt": {"url": "mqtt://127.0.0.1"}}]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "site.yaml"
        head = "site: {id: house, timezone: Europe/Berlin}\n"
        file.write_text(head + snippet(connections, devices), "utf-8")

        loaded = load(file, drivers=resolve(DRIVERS), rules=resolve(RULES), environ={})

    assert len(loaded.site.devices) == len(devices)
