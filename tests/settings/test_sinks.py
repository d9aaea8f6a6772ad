"""The section `sinks`: one sink or several, what each writes, and how long InfluxDB keeps it."""

import pytest

from monitor.access.doors import Doors
from monitor.access.people import People
from monitor.alarms.keep import NAME as ALARMS
from monitor.equipment.consumer import Upkeep
from monitor.health import Health
from monitor.metering.consumer import Metering
from monitor.settings.difference import difference
from monitor.settings.sinks import RESERVED
from monitor.site import SinkFilter
from tests.settings.conftest import Load, Mistakes

POINTS = "points: {power_w: {register: holding 0, type: uint16, unit: W}}"
DEVICES = f"""\
devices:
  - {{id: main, connection: plant, unit: 1, class: electricity, building: A, {POINTS}}}
  - {{id: shop, connection: plant, unit: 2, class: electricity, building: B, {POINTS}}}
  - {{id: tap, connection: plant, unit: 3, class: water, building: B, {POINTS}}}
"""
AT_HOME = "connection: broker, homeassistant: true"
URL = 'url: "http://127.0.0.1:8086"'


def test_one_of_each_has_the_name_it_always_had(load_text: Load) -> None:
    site = load_text(f"sinks: {{influxdb: {{{URL}}}, mqtt: {{connection: broker}}}}\n").site

    assert (list(site.influxdbs), list(site.mqtt_sinks)) == (["influxdb"], ["mqtt"])
    assert site.influxdbs["influxdb"].filter == SinkFilter()


def test_several_have_names_and_filters_of_their_own(load_text: Load) -> None:
    site = load_text(
        DEVICES + f"sinks:\n  influxdb:\n    - {{id: influxdb, {URL}}}\n"
        f"    - {{id: owner, {URL}, bucket: owner, "
        "only: {class: electricity, building: B}, kinds: [usage, alarms]}\n"
        "  mqtt:\n    - {id: panel, connection: broker, only: {id: t*}, kinds: readings}\n"
        "    - {id: lobby, connection: broker, topic: lobby}\n"
    ).site

    owner, panel = site.influxdbs["owner"], site.mqtt_sinks["panel"]
    assert (list(site.influxdbs), list(site.mqtt_sinks)) == (["influxdb", "owner"], ["panel", "lobby"])
    assert (owner.id, owner.bucket, owner.access_bucket) == ("owner", "owner", "owner-access")
    assert owner.filter == SinkFilter(devices=frozenset({"shop"}), kinds=frozenset({"usage", "alarms"}))
    assert panel.filter == SinkFilter(devices=frozenset({"tap"}), kinds=frozenset({"readings"}))


def test_a_list_of_one_needs_no_name(load_text: Load) -> None:
    assert list(load_text(f"sinks: {{influxdb: [{{{URL}}}]}}\n").site.influxdbs) == ["influxdb"]


@pytest.mark.parametrize("name", sorted({*RESERVED, "mqtt"}))
def test_a_name_that_a_part_of_the_monitor_has_is_refused_in_words(mistakes: Mistakes, name: str) -> None:
    [finding] = mistakes(f"sinks: {{influxdb: {{id: {name}, {URL}}}}}\n")

    assert finding.path == "sinks.influxdb.id"
    assert "choose another id, such as `influxdb-2`" in finding.message


def test_every_consumer_of_the_journal_is_reserved() -> None:
    consumers = {ALARMS, Health.name, Metering.name, Upkeep.name, Doors.name, People.name}

    assert consumers <= RESERVED


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (f"influxdb: [{{{URL}}}, {{id: b, {URL}}}]", "sinks.influxdb[0]"),
        (f"influxdb: [{{id: a, {URL}}}, {{id: a, {URL}}}]", "sinks.influxdb[1].id"),
        (f"influxdb: {{id: a, {URL}}}, mqtt: {{id: a, connection: broker}}", "sinks.mqtt.id"),
        (f"influxdb: {{id: Not An Id, {URL}}}", "sinks.influxdb.id"),
        ("influxdb: []", "sinks.influxdb"),
        (f"influxdb: {{{URL}, kinds: [reading]}}", "sinks.influxdb.kinds[0]"),
        (f"influxdb: {{{URL}, kinds: []}}", "sinks.influxdb.kinds"),
        (f"influxdb: {{{URL}, only: {{class: electricty}}}}", "sinks.influxdb.only.class"),
        (f"influxdb: {{{URL}, retention: 30 min}}", "sinks.influxdb.retention"),
        (f"influxdb: {{{URL}, retention: 30}}", "sinks.influxdb.retention"),
        ("mqtt: {connection: broker, kinds: usage}", "sinks.mqtt.kinds"),
        ("mqtt: [{id: a, connection: broker}, {id: b, connection: broker}]", "sinks.mqtt[1].topic"),
        (f"mqtt: [{{id: a, {AT_HOME}}}, {{id: b, topic: b, {AT_HOME}}}]", "sinks.mqtt[1].homeassistant"),
    ],
)
def test_what_does_not_work_is_not_accepted(mistakes: Mistakes, text: str, path: str) -> None:
    assert [finding.path for finding in mistakes(f"{DEVICES}sinks: {{{text}}}\n")] == [path]


def test_access_is_kept_as_long_as_the_site_keeps_it_and_longer_is_warned_of(load_text: Load) -> None:
    usual = load_text(f"access: {{keep: 30 days}}\nsinks: {{influxdb: {{{URL}, retention: 5 years}}}}\n")
    longer = load_text(f"sinks: {{influxdb: {{{URL}, access_retention: 1 years}}}}\n")

    influx = usual.site.influxdbs["influxdb"]
    assert (influx.retention, influx.access_retention) == (5 * 31_557_600, 30 * 86_400)
    assert [finding.path for finding in usual.warnings] == []
    assert [finding.path for finding in longer.warnings] == ["sinks.influxdb.access_retention"]


def test_one_bucket_for_everything_keeps_the_longer_time(load_text: Load) -> None:
    influx = load_text(
        f"sinks: {{influxdb: {{{URL}, access_bucket: facility, retention: 5 years}}}}\n"
    ).site.influxdbs

    assert influx["influxdb"].buckets == {"facility": 5 * 31_557_600}


@pytest.mark.parametrize(
    ("second", "warnings"),
    [("retention: 1 years", 1), ("retention: 5 years", 0), ("bucket: owner, retention: 1 years", 0)],
)
def test_one_bucket_of_two_sinks_that_keep_it_for_another_time_is_warned_of(
    load_text: Load, second: str, warnings: int
) -> None:
    loaded = load_text(
        f"sinks: {{influxdb: [{{id: a, {URL}, retention: 5 years}}, {{id: b, {URL}, kinds: usage, {second}}}]}}\n"
    )

    told = [each for each in loaded.warnings if each.path == "sinks.influxdb[1]"]
    assert len(told) == warnings


def test_a_selector_that_fits_no_device_is_warned_of(load_text: Load) -> None:
    loaded = load_text(DEVICES + f"sinks: {{influxdb: {{{URL}, only: {{building: A, class: water}}}}}}\n")

    assert loaded.site.influxdbs["influxdb"].filter.devices == frozenset()
    assert "sinks.influxdb.only" in [finding.path for finding in loaded.warnings]


def test_an_absent_secret_is_no_second_mistake_and_its_name_is_known(load_text: Load) -> None:
    loaded = load_text(f"sinks: {{influxdb: {{{URL}, api: v1, token: !secret flux}}}}\n")

    influx = loaded.site.influxdbs["influxdb"]
    assert (influx.secret, influx.token) == ("flux", "")
    assert [finding.path for finding in loaded.refusals] == ["sinks.influxdb.token"]


@pytest.mark.parametrize("token", [r"mellon\nsecond line", r"mellon\r\nX-Other: 1", "mellön"])
def test_a_token_that_no_header_can_carry_is_refused_and_not_shown(mistakes: Mistakes, token: str) -> None:
    [finding] = mistakes(f'sinks: {{influxdb: {{{URL}, token: "{token}"}}}}\n')

    assert (finding.path, "mell" in finding.message) == ("sinks.influxdb.token", False)


def test_a_password_may_have_any_letters(load_text: Load) -> None:
    site = load_text(f'sinks: {{influxdb: {{{URL}, token: "mönitor:wörd"}}}}\n').site

    assert site.influxdbs["influxdb"].token == "mönitor:wörd"


def test_a_reload_says_which_sinks_change(load_text: Load) -> None:
    old = load_text(f"sinks: {{influxdb: {{{URL}}}, mqtt: {{connection: broker}}}}\n").site
    new = load_text(f"sinks: {{influxdb: [{{id: influxdb, {URL}, bucket: b}}, {{id: owner, {URL}}}]}}\n").site
    changes = difference(old, new)

    assert (changes.added["sinks"], changes.removed["sinks"], changes.changed["sinks"]) == (
        ("owner",),
        ("mqtt",),
        ("influxdb",),
    )
    assert changes.sections == ()


def test_acknowledging_at_a_broker_has_to_be_written(load_text: Load) -> None:
    off, on = (
        load_text(f"sinks: {{mqtt: {{connection: broker{more}}}}}\n").site.mqtt_sinks["mqtt"]
        for more in ("", ", acknowledge: true")
    )

    assert (off.acknowledge, on.acknowledge) == (False, True)


def test_acknowledging_without_alarms_is_a_mistake(mistakes: Mistakes) -> None:
    [finding] = mistakes("sinks: {mqtt: {connection: broker, kinds: readings, acknowledge: true}}\n")

    assert "`kinds:` leaves out" in finding.message
