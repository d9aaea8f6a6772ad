"""All shipped dashboards: what Grafana knows, what there is in the database, what every InfluxDB understands."""

import copy
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import config
from monitor import fieldkeys, schema
from monitor.app import load_site
from monitor.grafana.influxql import tags_of
from monitor.grafana.looks import UNITS
from monitor.sinks.influxdb.types import access_types, main_types
from monitor.site import Device, Point
from tests.grafana.answers.formats import DATES
from tests.grafana.answers.formats import UNITS as KNOWN_UNITS
from tests.grafana.answers.transform import KNOWN as KNOWN_STEPS
from tests.grafana.known import unknown
from tests.grafana.shipped import DASHBOARDS, Asked, asked, links_of, panels_of, queries_of

Json = Mapping[str, Any]
_CONFIG = Path(config.__file__).parent
_TARGET = {"refId", "datasource", "query", "rawQuery", "resultFormat", "alias", "hide"}
_MARKED = {
    "refId", "query", "rawQuery", "queryType", "fromAnnotations", "titleColumn", "textColumn", "tagsColumn",
    "timeEndColumn", "name",
}  # fmt: skip
_PROPERTIES = {
    "unit",
    "decimals",
    "min",
    "max",
    "displayName",
    "noValue",
    "links",
    "color",
    "thresholds",
    "mappings",
}
_OWN = {"timeFilter", "__interval"}
_DASHBOARD = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)


@_DASHBOARD
def test_grafana_knows_every_key(dashboard: Json):
    assert unknown(dashboard) == []


def test_a_key_that_grafana_does_not_know_is_found():
    dashboard = copy.deepcopy(DASHBOARDS["overview"])
    panel = next(each for each in panels_of(dashboard) if each["type"] == "timeseries")
    panel["options"]["legend"]["colour"] = "red"
    panel["fieldConfig"]["defaults"]["custom"]["lineColour"] = "red"

    assert sorted(place.rpartition("/")[2] for place in unknown(dashboard)) == ["colour", "lineColour"]


@_DASHBOARD
def test_grafana_knows_what_overrides_change(dashboard: Json):
    """Overrides are checked as defaults of their panel, where Grafana's types know each key."""
    changed = copy.deepcopy(dashboard)
    for panel in panels_of(changed):
        for override in panel["fieldConfig"]["overrides"]:
            assert override["matcher"]["id"] in {"byName", "byRegexp", "byFrameRefID"}
            for prop in override["properties"]:
                key, _, custom = prop["id"].partition(".")
                if key == "custom":
                    panel["fieldConfig"]["defaults"].setdefault("custom", {})[custom] = prop["value"]
                else:
                    assert key in _PROPERTIES
                    panel["fieldConfig"]["defaults"][key] = prop["value"]

    assert unknown(changed) == []


@_DASHBOARD
def test_queries_have_the_keys_of_grafanas_influxdb_source(dashboard: Json):
    for panel in panels_of(dashboard):
        for target in panel.get("targets", []):
            assert target.keys() <= _TARGET
            assert target["rawQuery"] is True
            assert target["resultFormat"] in {"time_series", "table"}
        refs = [target["refId"] for target in panel.get("targets", [])]
        assert len(refs) == len(set(refs))
        for step in panel.get("transformations", []):
            assert step["id"] in KNOWN_STEPS
    for each in dashboard["annotations"]["list"]:
        assert each.get("target", {}).keys() <= _MARKED


@_DASHBOARD
def test_columns_of_marks_are_called_as_grafanas_server_calls_them(dashboard: Json):
    """By series and field: else no mark had an end (`transformAnnotationResponse`, `BuildFrameNameFromQuery`)."""
    for each in dashboard["annotations"]["list"]:
        target = each["target"]
        query = asked(target["query"])
        called = {f"{query.measurement}.{name}" for name in query.names}
        for part in ("titleColumn", "textColumn", "tagsColumn", "timeEndColumn"):
            assert target[part] in called, part


@_DASHBOARD
def test_grafana_knows_every_unit(dashboard: Json):
    for panel in panels_of(dashboard):
        looks = [panel["fieldConfig"]["defaults"]]
        looks += [
            {prop["id"]: prop["value"]}
            for each in panel["fieldConfig"]["overrides"]
            for prop in each["properties"]
        ]
        for unit in (look["unit"] for look in looks if "unit" in look):
            assert unit in KNOWN_UNITS or unit in DATES or unit.startswith(("suffix:", "time:")), unit


def test_every_unit_of_the_builders_is_one_of_grafana():
    for unit in UNITS.values():
        assert unit in KNOWN_UNITS or unit in DATES or unit.startswith(("suffix:", "time:")), unit


def test_addresses_of_dashboards_are_unique():
    uids = [dashboard["uid"] for dashboard in DASHBOARDS.values()]

    assert sorted(uids) == sorted(f"facility-{name}" for name in DASHBOARDS)
    assert len({dashboard["title"] for dashboard in DASHBOARDS.values()}) == len(uids)


@_DASHBOARD
def test_panels_lie_beside_each_other(dashboard: Json):
    everything = list(dashboard["panels"])
    ids = [panel["id"] for panel in everything]
    cells = Counter(
        (x, y)
        for panel in everything
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    )

    assert len(ids) == len(set(ids))
    assert max(cells.values()) == 1
    assert max(x for x, _ in cells) <= 23


@_DASHBOARD
def test_every_panel_has_a_title_and_says_what_it_is_for(dashboard: Json):
    assert dashboard["description"]
    for panel in panels_of(dashboard):
        assert panel["title"] or panel["type"] == "text"
        assert panel["description"].endswith((".", "?"))


def _variables(text: str) -> set[str]:
    found = re.findall(r"\$\{(\w+)(?::\w+)?\}|\$(\w+)", text)
    return {one or two for one, two in found} - _OWN


@_DASHBOARD
def test_every_variable_is_known_and_used(dashboard: Json):
    known = [each["name"] for each in dashboard["templating"]["list"]]
    used = set[str]()
    for _, query in queries_of(dashboard):
        used |= _variables(query)
    sources = [
        holder["datasource"]["uid"]
        for holder in (
            *(target for panel in panels_of(dashboard) for target in panel.get("targets", [])),
            *(each for each in dashboard["templating"]["list"] if "datasource" in each),
            *dashboard["annotations"]["list"],
        )
    ]
    used |= _variables(" ".join(sources))
    repeated = {panel["repeat"] for panel in dashboard["panels"] if panel.get("repeat")}
    titles = {name for panel in dashboard["panels"] for name in _variables(panel.get("title", ""))}

    assert used | repeated | titles <= set(known)
    assert set(known) == used
    for index, each in enumerate(dashboard["templating"]["list"]):
        assert _variables(each["query"]) <= set(known[:index])


@_DASHBOARD
def test_queries_stay_in_the_subset_that_all_servers_know(dashboard: Json):
    for place, query in queries_of(dashboard):
        lower = query.lower()
        for word in ("spread(", "slimit", "soffset", " into ", "time(1mo)", ".."):
            assert word not in lower, (place, word)
        assert "usage_" not in lower or "time(1d)" not in lower, f"{place}: a row of usage is a day already"
        assert ("time(1d)" in lower) == ("tz('${timezone}')" in lower), f"{place}: a day of which zone?"
        assert not re.search(r'\bon "', lower), place
        assert not re.search(r'"\."|from [^("]', lower), f"{place}: a name that is qualified or not quoted"
        if lower.startswith("show tag values"):
            assert "time > now()" in lower, place
        else:
            assert query.count("$timeFilter") == query.count("SELECT"), place


def _known_types() -> dict[str, dict[str, str]]:
    """Measurement -> field -> type, of the simulated house and of every device that a profile is shipped for."""
    site = load_site(_CONFIG / "demo.yaml").site
    devices = dict(site.devices)
    for file in (_CONFIG / "profiles").glob("*/*.yaml"):
        profile = yaml.safe_load(file.read_text("utf-8"))
        points = {name: Point(name=name) for name in profile.get("points", {})}
        devices[str(file)] = Device(
            id=file.stem, name="", connection="", device_class=profile["class"], points=points
        )
    types = {**main_types(replace(site, devices=devices)), **access_types()}
    found = {name: dict(fields) for name, fields in types.items()}
    # What the monitor works out beside what doors and equipment say: docs/access.md, docs/equipment.md.
    found["equipment"] |= {"hours": "float", "starts": "float"}
    found["door"] |= {"state": "string"}
    found["safety"] |= {"concentration_pct_lel": "float"}  # of a variant of a profile
    for measurement in schema.CLASSES:
        found[measurement] |= {schema.POINT_BATTERY: "float"}  # the monitor watches it of whatever has one
    found["electricity"] |= {schema.POINT_POWER_FACTOR: "float"}  # without a unit nothing promises a number
    for measurement in schema.MEASUREMENT_USAGE.values():
        names = [make(unit) for unit in ("kWh", "m3") for make in (fieldkeys.demand_name, fieldkeys.base_name)]
        counted = [name for names_of in schema.COUNTER_NAMES.values() for name in names_of]
        found[measurement] |= dict.fromkeys((*names, *counted), "float")
    health = {fieldkeys.HEALTH_UP: "boolean", schema.state_number(fieldkeys.HEALTH_UP): "integer"}
    health |= dict.fromkeys((fieldkeys.HEALTH_STATE, fieldkeys.HEALTH_ERROR), "string")
    found[schema.MEASUREMENT_HEALTH] |= health | {fieldkeys.HEALTH_POLL_MS: "float"}
    for name, unit in schema.MONITOR_POINTS.items():
        if name not in found[schema.MEASUREMENT_MONITOR]:
            states = {} if unit else {schema.state_number(name): "integer"}
            found[schema.MEASUREMENT_MONITOR] |= states | {name: "float" if unit else "boolean"}
    doors = dict.fromkeys((schema.state_number("held"), schema.state_number("forced")), "integer")
    found["door"] |= doors | {"state": "string"}
    return found


@pytest.fixture(scope="module")
def types() -> dict[str, dict[str, str]]:
    return _known_types()


@_DASHBOARD
def test_queries_ask_for_what_is_written(dashboard: Json, types: dict[str, dict[str, str]]):
    for place, query in queries_of(dashboard):
        if query.startswith("SHOW"):
            measurement = re.search(r'FROM "([^"]+)"', query)
            assert measurement is None or measurement[1] in types, place
            continue
        _check(place, asked(query), types)


def _check(place: str, question: Asked, types: dict[str, dict[str, str]]) -> set[str]:
    """Every name is a field, a tag, or a column of the inner question; answers the columns of this one."""
    if question.inner is None:
        assert question.measurement in types, place
        known = set(types[question.measurement]) | set(tags_of(question.measurement))
    else:
        known = _check(place, question.inner, types) | set(question.inner.groups)
    assert question.names - {"time"} <= known, (place, question.names - known)
    kinds = types.get(question.measurement, {})
    for shown, said in question.columns:
        called = re.match(r'(mean|sum|max|min|percentile|stddev|median)\("([^"]+)"', said)
        if called:
            assert kinds.get(called[2]) not in {"boolean", "string"}, f"{place}: {shown or said}"
    return {shown or re.sub(r"\(.*", "", said).strip('"') for shown, said in question.columns}


_SUMMED = re.compile(r'sum\("([^"]+)"\)')


@_DASHBOARD
def test_no_counter_is_added_up_or_compared(dashboard: Json):
    """What a meter's other counters counted in a period bears their names in usage, and is no register there."""
    for place, query in queries_of(dashboard):
        if 'FROM "usage_' in query:
            continue
        for function, field in re.findall(r'(\w+)\("([^"]+)"', query):
            if schema.is_counter(field) and "_delta_" not in field:
                assert function in {"last", "count"}, f"{place}: {function} of the counter {field}"


def _uids() -> dict[str, set[str]]:
    return {
        dashboard["uid"]: {each["name"] for each in dashboard["templating"]["list"]}
        for dashboard in DASHBOARDS.values()
    }


@_DASHBOARD
def test_links_lead_to_dashboards_that_have_what_is_taken_along(dashboard: Json):
    known, own = _uids(), {each["name"] for each in dashboard["templating"]["list"]}
    for url in links_of(dashboard):
        match = re.fullmatch(r"/d/([\w-]+)(?:\?(.*))?", url)
        assert match, url
        assert match[1] in known, url
        for part in (match[2] or "").split("&"):
            taken = re.fullmatch(r"\$\{(\w+):queryparam\}", part)
            said = re.fullmatch(r"var-(\w+)=(.+)", part)
            assert not part or taken or said or part == "${__url_time_range}", part
            if taken:
                assert taken[1] in own, url
                assert taken[1] in known[match[1]], url
            if said:
                assert said[1] in known[match[1]], url


@_DASHBOARD
def test_columns_of_several_tags_have_their_place_said(dashboard: Json):
    """Grafana puts the tags of a table in any order, another one each time."""
    for panel in panels_of(dashboard):
        steps = {step["id"]: step["options"] for step in panel.get("transformations", [])}
        placed = set(steps.get("organize", {}).get("indexByName", {}))
        gone = set(steps.get("organize", {}).get("excludeByName", {}))
        hidden = {
            each["matcher"]["options"]
            for each in panel["fieldConfig"]["overrides"]
            if {"id": "custom.hidden", "value": True} in each["properties"]
        }
        if panel["type"] != "table" or {"groupBy", "groupingToMatrix", "reduce"} & steps.keys():
            continue
        for target in panel.get("targets", []):
            tags = set(asked(target["query"]).groups)
            loose = tags - placed - gone - hidden
            assert len(tags) < 2 or not loose, f"{panel['title']}: {loose}"
