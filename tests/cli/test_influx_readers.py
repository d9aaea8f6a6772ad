"""What `influx setup` gives Grafana to read with, also where an earlier one gave one reader everything."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from monitor.app import prepare_influx
from monitor.sinks.influxdb.buckets import Buckets
from monitor.sinks.influxdb.client import InfluxClient
from monitor.sinks.influxdb.prepare import Step
from monitor.sinks.rejection import SinkMisconfigured
from monitor.site import InfluxSettings, SinkFilter
from tests.cli.setups import mode, readers_in, rights, setup, site_file, users, variables
from tests.servers.influxdb import ADMIN, PASSWORD, InfluxServer
from tests.sinks.kept import Kept
from tests.sinks.site import a_site

OLD = "Nobody-thinks-of_such-a-password"
BOTH = {"facility": "READ", "facility-access": "READ"}


def as_an_earlier_setup_left_it(server: InfluxServer, password: str = OLD, *, user: str = "grafana") -> Kept:
    """Two databases and one reader for both."""
    server.create("facility", "facility-access")
    server.query("CREATE USER monitor WITH PASSWORD 'm'")
    server.query(f"CREATE USER \"{user}\" WITH PASSWORD '{password}'")
    for database in BOTH:
        server.query(f'GRANT WRITE ON "{database}" TO monitor')
        server.query(f'GRANT READ ON "{database}" TO "{user}"')
    return Kept(
        {
            "FACILITY_INFLUXDB_URL": server.url,
            "FACILITY_INFLUXDB_BUCKET": "facility",
            "FACILITY_INFLUXDB_USER": user,
            "FACILITY_INFLUXDB_PASSWORD": password,
            "GF_SERVER_DOMAIN": "house.example",
        }
    )


def prepared(server: InfluxServer, kept: Kept, kinds: frozenset[str] | None = None) -> Iterator[Step]:
    settings = InfluxSettings(url=server.url, token="monitor:m", filter=SinkFilter(kinds=kinds))
    return prepare_influx(settings, a_site(), files=kept, admin=lambda: f"{ADMIN}:{PASSWORD}")


def test_doors_are_taken_from_the_one_reader_of_an_earlier_setup(guarded: InfluxServer) -> None:
    """Also when it breaks off after any of its steps and is said again; then nothing is left to do."""
    before = dict(as_an_earlier_setup_left_it(guarded).variables)
    whole = list(prepared(guarded, Kept(before)))
    for count in range(len(whole) + 1):
        guarded.query('GRANT READ ON "facility-access" TO grafana')
        guarded.query('DROP USER "grafana-access"')
        kept = Kept(before)
        broken = prepared(guarded, kept)
        first = list(islice(broken, count))
        broken.close()
        second = list(prepared(guarded, kept))

        assert rights(guarded, "grafana") == {"facility": "READ"}
        assert rights(guarded, "grafana-access") == {"facility-access": "READ"}
        assert {name: kept.variables[name] for name in before} == before
        assert all(lets_in(guarded, reader) for reader in readers_in(kept.variables))
        changed = [step.told for step in (*first, *second) if step.state == "changed"]
        assert "grafana may no longer read facility-access" in changed
    assert {step.state for step in prepared(guarded, kept)} == {"kept"}
    assert [step.state for step in whole if step.what == "grafana"] == ["changed"]


@pytest.mark.usefixtures("admin")
def test_the_file_of_an_earlier_setup_is_completed_and_what_follows_is_told(
    tmp_path: Path, guarded: InfluxServer
) -> None:
    file = site_file(tmp_path, guarded)
    setup(file)
    environment = file.parent / "grafana.env"
    four = [line for line in environment.read_text().splitlines() if "ACCESS" not in line]
    environment.write_text("\n".join([*four, "GF_SERVER_DOMAIN=house.example", ""]))
    guarded.query('GRANT READ ON "facility-access" TO grafana')
    guarded.query('DROP USER "grafana-access"')
    ran, again = setup(file), setup(file)

    assert ran.code == 0, ran.err
    assert "changed  right: grafana may no longer read facility-access" in ran.out
    assert "say facility-monitor grafana export again" in ran.out
    assert environment.read_text().splitlines()[:5] == [*four, "GF_SERVER_DOMAIN=house.example"]
    assert mode(environment) == 0o600
    assert all(lets_in(guarded, reader) for reader in readers_in(variables(file)))
    assert again.out.splitlines()[-1] == "Nothing was changed."


def lets_in(server: InfluxServer, token: str) -> bool:
    client = InfluxClient(InfluxSettings(url=server.url, token=token))
    try:
        Buckets(client, "").query("SHOW DATABASES")
    except SinkMisconfigured:
        return False
    finally:
        client.close()
    return True


@pytest.mark.parametrize(("user", "password"), [("grafana", "thought up"), ("dashboards", OLD)])
def test_a_reader_that_setup_has_not_made_keeps_its_rights_and_is_told(
    guarded: InfluxServer, user: str, password: str
) -> None:
    kept = as_an_earlier_setup_left_it(guarded, password, user=user)
    steps = list(prepared(guarded, kept))

    assert rights(guarded, user) == BOTH
    [left] = [step for step in steps if step.state == "left"]
    assert left.told.startswith(f"{user} has READ on facility-access: whoever may ask in Grafana")
    assert f'REVOKE READ ON "facility-access" FROM "{user}"' in left.what_to_do
    assert kept.variables["FACILITY_INFLUXDB_ACCESS_USER"] == "grafana-access"


def test_a_user_with_another_password_is_somebody_elses(guarded: InfluxServer) -> None:
    """Nothing is taken from it, and nothing given to it."""
    kept = as_an_earlier_setup_left_it(guarded)
    guarded.query("SET PASSWORD FOR grafana = 'changed since'")
    guarded.query('REVOKE ALL ON "facility" FROM grafana')
    steps = list(prepared(guarded, kept))

    assert rights(guarded, "grafana") == {"facility-access": "READ"}
    assert {step.what for step in steps if step.state == "left"} == {"user", "right"}


def test_one_user_for_both_sources_and_an_administrator_are_told(guarded: InfluxServer) -> None:
    kept = as_an_earlier_setup_left_it(guarded)
    four = dict(kept.variables)
    same = {"FACILITY_INFLUXDB_ACCESS_USER": "grafana", "FACILITY_INFLUXDB_ACCESS_PASSWORD": OLD}
    [left] = [step for step in prepared(guarded, Kept(four | same)) if step.state == "left"]
    assert left.told == "Grafana reads doors and cards as grafana, too"

    ruler = {"FACILITY_INFLUXDB_USER": ADMIN, "FACILITY_INFLUXDB_PASSWORD": PASSWORD}
    [left] = [step for step in prepared(guarded, Kept(four | ruler)) if step.state == "left"]
    assert left.told == f"whoever may ask in Grafana asks as {ADMIN}, and sees doors"


def test_doors_that_are_no_longer_written_are_taken_from_the_one_reader(guarded: InfluxServer) -> None:
    kept = as_an_earlier_setup_left_it(guarded)
    steps = list(prepared(guarded, kept, frozenset({"readings"})))

    assert rights(guarded, "grafana") == {"facility": "READ"}
    assert users(guarded) == {"monitor", "grafana"}
    assert "left" not in {step.state for step in steps}


@pytest.mark.usefixtures("admin")
def test_where_access_is_not_written_there_is_one_reader(tmp_path: Path, guarded: InfluxServer) -> None:
    file = site_file(tmp_path, guarded, "kinds: [usage, alarms], token: !secret influxdb")
    ran = setup(file)

    assert ran.code == 0, ran.err
    assert users(guarded) == {"monitor", "grafana"}
    assert not [name for name in variables(file) if "ACCESS" in name]
