"""What `grafana export` writes for a site, and that nothing secret and nothing of other sites is in it."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from monitor.cli.commands import app
from monitor.errors import SettingsError
from monitor.grafana import DASHBOARDS
from monitor.grafana.model import ACCESS
from monitor.grafana.provisioning import Connected, provision
from tests.sinks.site import a_site

_SITE = """\
site: {{id: maple, name: "Maple $Court", timezone: America/New_York, language: en}}
connections:
  - {{id: bus, modbus: {{transport: tcp, host: 127.0.0.1, port: 1502}}}}
devices:
  - {{id: main, name: Main, profile: eastron-sdm630, connection: bus, unit: 1, every: 30 s, role: main}}
  - {{id: sub, name: Sub, profile: eastron-sdm630, connection: bus, unit: 2, every: 30 s, role: sub}}
  - {{id: slow, name: Slow, profile: eastron-sdm630, connection: bus, unit: 3, every: 15 min, role: sub}}
sinks:
  influxdb: {influxdb}
"""
_V1 = '{url: "http://127.0.0.1:8086", bucket: fac, token: "monitor:secret-word", api: auto}'
_V2 = '{url: "https://db.example:8087", org: o, bucket: fac, token: "secret-token", access_bucket: doors}'


def _file(folder: Path, influxdb: str = _V1) -> Path:
    file = folder / "site.yaml"
    file.write_text(_SITE.format(influxdb=influxdb))
    return file


def _export(folder: Path, *options: str, influxdb: str = _V1) -> Path:
    out = folder / "out"
    answer = CliRunner().invoke(app, ["grafana", "export", str(out), str(_file(folder, influxdb)), *options])
    assert answer.exit_code == 0, answer.output
    assert "secret" not in answer.output
    return out


def _yaml(out: Path, kind: str) -> dict[str, Any]:
    found = yaml.safe_load((out / "provisioning" / kind / "facility-monitor.yaml").read_text())
    assert isinstance(found, dict)
    return found


def test_data_sources_are_those_of_the_site(tmp_path: Path) -> None:
    out = _export(tmp_path)
    data, access = _yaml(out, "datasources")["datasources"]

    assert (data["name"], data["uid"]) == ("Maple $$Court", "facility-maple")
    assert (access["name"], access["uid"]) == ("Maple $$Court (access)", "facility-maple-access")
    assert data["url"] == access["url"] == "http://127.0.0.1:8086"
    assert data["jsonData"]["dbName"] == "fac"
    assert access["jsonData"]["dbName"] == "fac-access"
    assert data["jsonData"]["timeInterval"] == "30s"
    assert data["user"] == "$FACILITY_INFLUXDB_USER"
    assert data["secureJsonData"] == {"password": "$FACILITY_INFLUXDB_PASSWORD"}
    assert access["user"] == "$FACILITY_INFLUXDB_ACCESS_USER"
    assert access["secureJsonData"] == {"password": "$FACILITY_INFLUXDB_ACCESS_PASSWORD"}


def test_one_bucket_for_both_has_one_reader(tmp_path: Path) -> None:
    one = '{url: "http://127.0.0.1:8086", bucket: fac, access_bucket: fac, token: "monitor:secret-word"}'
    _, access = _yaml(_export(tmp_path, influxdb=one), "datasources")["datasources"]

    assert access["user"] == "$FACILITY_INFLUXDB_USER"
    assert access["secureJsonData"] == {"password": "$FACILITY_INFLUXDB_PASSWORD"}


def test_where_doors_are_not_written_nothing_of_them_is_there(tmp_path: Path) -> None:
    without = '{url: "http://127.0.0.1:8086", bucket: fac, token: "monitor:secret-word", kinds: [readings, usage]}'
    out = _export(tmp_path, "--all", "--access-org", "7", influxdb=without)

    assert [each["uid"] for each in _yaml(out, "datasources")["datasources"]] == ["facility-maple"]
    assert [each["orgId"] for each in _yaml(out, "dashboards")["providers"]] == [1]
    assert not list(out.glob("dashboards/access/*"))
    assert "ACCESS" not in (out / "grafana.env").read_text()


def test_the_environment_to_be_filled_in_has_a_reader_for_each(tmp_path: Path) -> None:
    text = (_export(tmp_path) / "grafana.env").read_text()
    lines = dict(line.split("=", 1) for line in text.splitlines() if not line.startswith(("#", " ")))

    assert lines == {
        "FACILITY_INFLUXDB_USER": "grafana",
        "FACILITY_INFLUXDB_PASSWORD": "",
        "FACILITY_INFLUXDB_ACCESS_USER": "grafana-access",
        "FACILITY_INFLUXDB_ACCESS_PASSWORD": "",
    }
    assert "the main database (fac)" in text
    assert "doors and cards (fac-access)" in text


def test_a_token_goes_into_a_header(tmp_path: Path) -> None:
    out = _export(tmp_path, "--url", "http://influxdb:8086", influxdb=_V2)
    data, access = _yaml(out, "datasources")["datasources"]

    assert data["url"] == "http://influxdb:8086"
    assert data["jsonData"]["httpHeaderName1"] == "Authorization"
    assert data["secureJsonData"] == {"httpHeaderValue1": "Token $FACILITY_INFLUXDB_PASSWORD"}
    assert access["secureJsonData"] == {"httpHeaderValue1": "Token $FACILITY_INFLUXDB_ACCESS_PASSWORD"}
    assert access["jsonData"]["dbName"] == "doors"


def test_dashboards_are_for_the_site_and_only_those_it_needs(tmp_path: Path) -> None:
    out = _export(tmp_path)
    data, access = _yaml(out, "dashboards")["providers"]

    for provider in (data, access):
        for file in Path(provider["options"]["path"]).glob("*.json"):
            dashboard = json.loads(file.read_text("utf-8"))
            assert dashboard["timezone"] == "America/New_York"
            chosen = {
                each["name"]: each["current"].get("value")
                for each in dashboard["templating"]["list"]
                if each["type"] == "datasource"
            }
            assert chosen["datasource"] == "facility-maple"
            assert chosen.get("access", "facility-maple-access") == "facility-maple-access"
    written = {file.stem for file in out.glob("dashboards/*/*.json")}
    assert written == {
        name
        for name, each in DASHBOARDS.items()
        if each.classes <= {"electricity"} or "electricity" in each.classes
    }
    everything = _export(tmp_path, "--all")
    assert {file.stem for file in everything.glob("dashboards/*/*.json")} == set(DASHBOARDS)


def test_panels_are_those_of_what_the_site_has(tmp_path: Path) -> None:
    """A site without gas is not asked to look at empty panels of it; a heading without panels is none."""

    def titles(folder: Path) -> dict[str, set[str]]:
        boards = {file.stem: json.loads(file.read_text("utf-8")) for file in folder.glob("dashboards/*/*.json")}
        return {name: {panel["title"] for panel in board["panels"]} for name, board in boards.items()}

    some = titles(_export(tmp_path))
    everything = titles(_export(tmp_path, "--all"))

    assert "Gas today" in everything["overview"] - some["overview"]
    assert {"Electricity today", "What is wrong", "Silent devices"} <= some["overview"]
    assert everything["wall"] - some["wall"] == {"Gas today", "Water today"}
    for shown in (each.only({"gas"}) for each in DASHBOARDS.values()):
        assert all(row.panels for row in shown.rows)
    heating = {row.title for row in DASHBOARDS["heating"].only({"gas"}).rows}
    assert {"Gas", "Cost and CO₂"} <= heating
    assert not heating & {"Heat", "What heat meters measure"}


def test_doors_may_be_for_an_organisation_that_sees_everything(tmp_path: Path) -> None:
    out = _export(tmp_path, "--access-org", "7", "--all")

    sources, providers = _yaml(out, "datasources")["datasources"], _yaml(out, "dashboards")["providers"]
    assert [(each["orgId"], each["jsonData"]["dbName"]) for each in sources] == [
        (1, "fac"), (7, "fac-access"), (7, "fac"),
    ]  # fmt: skip
    assert [(each["orgId"], Path(each["options"]["path"]).name) for each in providers] == [
        (1, "facility"), (7, "access"), (7, "facility"),
    ]  # fmt: skip
    assert len({each["name"] for each in providers}) == 3
    for file in out.glob("dashboards/facility/*.json"):
        assert "${access}" not in file.read_text("utf-8")


def test_doors_that_get_an_organisation_leave_the_one_that_everybody_is_in(tmp_path: Path) -> None:
    """Grafana keeps a data source until it is told, and a dashboard where its provider first had it."""
    before = _yaml(_export(tmp_path), "dashboards")["providers"]
    out = _export(tmp_path, "--access-org", "7")
    sources, providers = _yaml(out, "datasources"), _yaml(out, "dashboards")["providers"]

    assert sources["deleteDatasources"] == [{"name": "Maple $$Court (access)", "orgId": 1}]
    assert providers[0]["name"] == before[0]["name"]
    assert providers[1]["name"] not in {each["name"] for each in before}
    assert "deleteDatasources" not in _yaml(_export(tmp_path), "datasources")


def test_written_again_it_keeps_the_password_and_takes_away_what_is_gone(tmp_path: Path) -> None:
    out = _export(tmp_path)
    private = out / "grafana.env"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    private.write_text("FACILITY_INFLUXDB_PASSWORD=mine\n")
    ours, theirs = out / "dashboards/facility/old.json", out / "dashboards/facility/theirs.json"
    ours.write_text('{"tags": ["facility-monitor"]}')
    theirs.write_bytes(b'{"title": "L\xfcftung"}')

    _export(tmp_path)

    assert private.read_text() == "FACILITY_INFLUXDB_PASSWORD=mine\n"
    assert not ours.exists()
    assert theirs.exists()
    for file in out.rglob("*"):
        if file.is_file() and file != private:
            assert b"secret" not in file.read_bytes()


def test_what_setup_has_written_for_grafana_is_used(tmp_path: Path) -> None:
    (tmp_path / "grafana.env").write_text("FACILITY_INFLUXDB_USER=grafana\nFACILITY_INFLUXDB_PASSWORD=x\n")
    answer = CliRunner().invoke(app, ["grafana", "export", str(tmp_path / "out"), str(_file(tmp_path))])

    assert f"EnvironmentFile={tmp_path / 'grafana.env'}" in answer.output
    assert not (tmp_path / "out" / "grafana.env").exists()
    assert "FACILITY_INFLUXDB_ACCESS_PASSWORD is not in" in answer.output  # an earlier setup has written it


def test_what_setup_has_completed_is_not_asked_for(tmp_path: Path) -> None:
    (tmp_path / "grafana.env").write_text("FACILITY_INFLUXDB_ACCESS_PASSWORD=x\n")
    answer = CliRunner().invoke(app, ["grafana", "export", str(tmp_path / "out"), str(_file(tmp_path))])

    assert "ACCESS_PASSWORD is not in" not in answer.output


def test_the_site_may_be_a_folder(tmp_path: Path) -> None:
    (tmp_path / "grafana.env").write_text("FACILITY_INFLUXDB_USER=grafana\nFACILITY_INFLUXDB_PASSWORD=x\n")
    folder = _file(tmp_path).parent
    answer = CliRunner().invoke(app, ["grafana", "export", str(tmp_path / "out"), str(folder)])

    assert answer.exit_code == 0, answer.output
    assert f"EnvironmentFile={tmp_path / 'grafana.env'}" in answer.output


@pytest.mark.parametrize(("options", "told"), [((), 1), (("--api", "v2"), 0)])
def test_which_influxdb_it_is_was_guessed_without_its_token(
    tmp_path: Path, options: tuple[str, ...], told: int
) -> None:
    file = _file(tmp_path, '{url: "http://127.0.0.1:8086", token: !secret influx}')
    answer = CliRunner().invoke(app, ["grafana", "export", str(tmp_path / "out"), str(file), *options])

    assert answer.exit_code == 0, answer.output
    assert answer.output.count("--api v2") == told


def test_where_it_lies_may_be_said(tmp_path: Path) -> None:
    out = _export(tmp_path, "--as", "/var/lib/grafana/facility/")

    paths = [each["options"]["path"] for each in _yaml(out, "dashboards")["providers"]]
    assert paths == [
        "/var/lib/grafana/facility/dashboards/facility",
        "/var/lib/grafana/facility/dashboards/access",
    ]


def test_a_site_without_influxdb_is_told_so(tmp_path: Path) -> None:
    file = _file(tmp_path)
    file.write_text(file.read_text().split("sinks:")[0])

    answer = CliRunner().invoke(app, ["grafana", "export", str(tmp_path / "out"), str(file)])
    assert isinstance(answer.exception, SettingsError)
    assert "no `sinks.influxdb`" in str(answer.exception)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")

    answer = CliRunner().invoke(app, ["grafana", "export", str(tmp_path / "out"), str(_file(tmp_path))])
    assert isinstance(answer.exception, SettingsError)
    assert "cannot be written" in str(answer.exception)


@pytest.mark.parametrize("name", ["Access Court", "The (access) house"])
def test_a_site_may_be_called_as_it_likes(name: str) -> None:
    connected = Connected(url="http://a:1", bucket="b", access_bucket="c", api="v1", folder="/f")
    files = provision(a_site(name=name), connected)
    data, access = yaml.safe_load(files["provisioning/datasources/facility-monitor.yaml"])["datasources"]

    assert not data["name"].endswith("(access)")
    assert access["name"].endswith("(access)")
    assert ACCESS == "access"
