"""`influx setup` on the real InfluxDB 1.6.7, with and without authentication; twice as a process of its own."""

import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest

from monitor.app import prepare_influx
from monitor.sinks.influxdb.buckets import Buckets
from monitor.sinks.influxdb.client import InfluxClient
from monitor.sinks.influxdb.prepare import Step
from monitor.sinks.rejection import SinkMisconfigured
from monitor.site import InfluxSettings, SinkFilter
from tests.cli.running import Ran, command, within
from tests.cli.terminal import Terminal
from tests.servers.influxdb import ADMIN, PASSWORD, InfluxServer, influxdb
from tests.sinks.kept import Kept
from tests.sinks.site import a_site

SITE = """\
site: {{id: hq, timezone: Europe/Berlin}}
{more}
sinks:
  influxdb: {{url: "{url}", bucket: facility, {keys}}}
"""
YEARS = "retention: 5 years, token: !secret influxdb"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxServer]:
    with influxdb(tmp_path_factory.mktemp("locked")) as server:
        yield server


@pytest.fixture(scope="module")
def unlocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxServer]:
    with influxdb(tmp_path_factory.mktemp("unlocked"), auth=False) as server:
        yield server


def users(server: InfluxServer) -> set[str]:
    """All but the administrator."""
    return {row["user"] for row in server.query("SHOW USERS")} - {ADMIN}


@contextmanager
def as_new(server: InfluxServer) -> Iterator[InfluxServer]:
    yield server
    server.drop(*(row["name"] for row in server.query("SHOW DATABASES") if row["name"] != "_internal"))
    for user in users(server):
        server.query(f'DROP USER "{user}"')


@pytest.fixture
def guarded(locked: InfluxServer) -> Iterator[InfluxServer]:
    """A server that asks for a password, without databases."""
    with as_new(locked) as server:
        yield server


@pytest.fixture
def open_to_all(unlocked: InfluxServer) -> Iterator[InfluxServer]:
    """A server as Debian installs it."""
    with as_new(unlocked) as server:
        yield server


@pytest.fixture
def admin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFLUX_ADMIN", f"{ADMIN}:{PASSWORD}")


def site_file(tmp_path: Path, server: InfluxServer, keys: str = YEARS, more: str = "") -> Path:
    folder = tmp_path / "site"
    folder.mkdir(exist_ok=True)
    (folder / "site.yaml").write_text(SITE.format(url=server.url, keys=keys, more=more))
    return folder / "site.yaml"


def setup(file: Path, *words: str | Path) -> Ran:
    return within("influx", "setup", file, "--admin-env", "INFLUX_ADMIN", *words)


def variables(file: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in (file.parent / "grafana.env").read_text().splitlines())


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def may_write(server: InfluxServer, token: str, database: str) -> bool:
    client, refused = InfluxClient(InfluxSettings(url=server.url, token=token)), 0
    try:
        client.write(database, b"electricity power_w=1", lines=1)
    except SinkMisconfigured as error:
        refused = error.status
    client.close()
    return refused not in {401, 403}


def rights(server: InfluxServer, user: str) -> dict[str, str]:
    rows = server.query(f'SHOW GRANTS FOR "{user}"')
    return {row["database"]: row["privilege"] for row in rows if row["privilege"] != "NO PRIVILEGES"}


def readers_in(known: Mapping[str, str]) -> list[str]:
    """Both `user:password` that Grafana asks with: for everything, and for doors and cards."""
    names = ("FACILITY_INFLUXDB", "FACILITY_INFLUXDB_ACCESS")
    return [f"{known[f'{name}_USER']}:{known[f'{name}_PASSWORD']}" for name in names]


def lasting(server: InfluxServer, database: str) -> str:
    [policy] = server.query(f'SHOW RETENTION POLICIES ON "{database}"')
    return str(policy["duration"])


@pytest.mark.usefixtures("admin")
async def test_two_commands_connect_a_guarded_server(tmp_path: Path, guarded: InfluxServer) -> None:
    """Databases, retention, a user who may only write and one who may only read; then the check finds all fine."""
    file = site_file(tmp_path, guarded)
    ran = await command("influx", "setup", file, "--admin-env", "INFLUX_ADMIN")
    checked = await command("influx", "check", file, "--json")

    assert ran.code == 0, ran.err
    assert checked.code == 0, checked.out
    assert {each["check"]: each["state"] for each in checked.json["findings"]} == {
        "server": "fine", "version": "fine", "clock": "fine", "token": "fine", "bucket": "fine",
        "access_bucket": "fine", "retention": "unknown", "types": "unknown",
    }  # fmt: skip
    secret = file.parent / "secrets" / "influxdb"
    mine, readers = secret.read_text().strip(), readers_in(variables(file))
    assert (mode(secret), mode(file.parent / "grafana.env")) == (0o600, 0o600)
    assert (lasting(guarded, "facility"), lasting(guarded, "facility-access")) == ("43830h0m0s", "2160h0m0s")
    assert mine.startswith("monitor:")
    for database in ("facility", "facility-access"):
        assert may_write(guarded, mine, database)
        for reader in readers:
            assert not may_write(guarded, reader, database)
    assert [reader.partition(":")[0] for reader in readers] == ["grafana", "grafana-access"]
    assert rights(guarded, "grafana") == {"facility": "READ"}
    assert rights(guarded, "grafana-access") == {"facility-access": "READ"}
    assert PASSWORD not in ran.out + ran.err
    assert mine.partition(":")[2] not in ran.out + ran.err


@pytest.mark.usefixtures("admin")
def test_said_again_it_changes_nothing_and_says_so(tmp_path: Path, guarded: InfluxServer) -> None:
    file = site_file(tmp_path, guarded)
    setup(file)
    before = {each: each.read_bytes() for each in file.parent.rglob("*") if each.is_file()}
    people, programs = setup(file), setup(file, "--json")

    assert (people.code, programs.code) == (0, 0)
    assert people.out.splitlines()[-1] == "Nothing was changed."
    assert programs.json["changed"] is False
    assert {step["state"] for step in programs.json["steps"]} == {"kept"}
    assert {each: each.read_bytes() for each in file.parent.rglob("*") if each.is_file()} == before


def test_a_server_that_asks_nobody_needs_no_administrator(tmp_path: Path, open_to_all: InfluxServer) -> None:
    """As Debian installs it. The users are made all the same, where the site file names a secret."""
    file = site_file(tmp_path, open_to_all)
    ran = within("influx", "setup", file)
    again = within("influx", "setup", file, "--json")

    assert ran.code == 0, ran.err
    assert users(open_to_all) == {"monitor", "grafana", "grafana-access"}
    assert (
        "the server asks nobody for a password: whoever reaches it, or Grafana, can read facility-access"
        in ran.out
    )
    assert within("influx", "check", file).code == 0
    assert again.json["changed"] is False


def test_without_a_token_in_the_site_file_no_users_are_made(tmp_path: Path, open_to_all: InfluxServer) -> None:
    file = site_file(tmp_path, open_to_all, "retention: 30 days")
    ran = within("influx", "setup", file)
    again = within("influx", "setup", file, "--json")

    assert ran.code == 0, ran.err
    assert users(open_to_all) == set()
    assert lasting(open_to_all, "facility") == "720h0m0s"
    assert variables(file)["FACILITY_INFLUXDB_BUCKET"] == "facility"
    assert again.json["changed"] is False


@pytest.mark.usefixtures("admin")
def test_another_retention_is_changed_only_when_that_is_said(tmp_path: Path, guarded: InfluxServer) -> None:
    guarded.query('CREATE DATABASE "facility" WITH DURATION 30d')
    file = site_file(tmp_path, guarded)
    first, kept = setup(file), lasting(guarded, "facility")
    altered = setup(file, "--alter-retention")

    assert (first.code, kept) == (1, "720h0m0s")
    assert "keeps its points for 30 days, not for 1826.25 days" in first.out
    assert (altered.code, lasting(guarded, "facility")) == (0, "43830h0m0s")


@pytest.mark.usefixtures("admin")
def test_users_of_another_site_keep_their_passwords(tmp_path: Path, guarded: InfluxServer) -> None:
    first = site_file(tmp_path, guarded)
    setup(first)
    theirs = (first.parent / "secrets" / "influxdb").read_text()
    second = tmp_path / "second" / "site.yaml"
    second.parent.mkdir()
    second.write_text(first.read_text().replace("id: hq", "id: mill").replace("facility,", "mill,"))
    ran = setup(second)

    assert ran.code == 0, ran.err
    mine = (second.parent / "secrets" / "influxdb").read_text().strip()
    assert mine.startswith("monitor-mill:")
    assert may_write(guarded, mine, "mill")
    assert not may_write(guarded, mine, "facility")
    assert may_write(guarded, theirs.strip(), "facility")
    assert variables(second)["FACILITY_INFLUXDB_USER"] == "grafana-mill"
    assert variables(second)["FACILITY_INFLUXDB_ACCESS_USER"] == "grafana-access-mill"


@pytest.mark.usefixtures("admin")
def test_what_broke_off_goes_on_with_the_password_that_is_kept(tmp_path: Path, guarded: InfluxServer) -> None:
    file = site_file(tmp_path, guarded)
    (file.parent / "secrets").mkdir()
    secret = file.parent / "secrets" / "influxdb"
    secret.write_text("monitor:kept before it's made\n")
    secret.chmod(0o600)
    ran = setup(file)

    assert ran.code == 0, ran.err
    assert may_write(guarded, "monitor:kept before it's made", "facility")


@pytest.mark.usefixtures("admin")
def test_a_site_that_may_erase_people_may_read_what_it_has_to_find(tmp_path: Path, guarded: InfluxServer) -> None:
    setup(site_file(tmp_path, guarded, more="access: {pseudonyms: true}"))

    assert rights(guarded, "monitor") == {"facility": "ALL PRIVILEGES", "facility-access": "ALL PRIVILEGES"}


def test_an_administrator_is_named_and_never_shown(tmp_path: Path, guarded: InfluxServer) -> None:
    file, word = site_file(tmp_path, guarded), tmp_path / "word"
    nobody = within("influx", "setup", file)
    word.write_text("admin:mistyped\n")
    word.chmod(0o644)
    seen = within("influx", "setup", file, "--admin-file", word)
    word.chmod(0o600)
    wrong = within("influx", "setup", file, "--admin-file", word)
    word.write_text(f"{ADMIN}:{PASSWORD}\n")
    right = within("influx", "setup", file, "--admin-file", word)
    both = within("influx", "setup", file, "--admin-file", word, "--admin-env", "X")

    assert (nobody.code, seen.code, wrong.code, right.code, both.code) == (1, 1, 1, 0, 2)
    assert "--admin-file" in nobody.err
    assert f"chmod 600 {word}" in seen.err
    assert "authorization failed" in wrong.err
    assert "mistyped" not in wrong.err + wrong.out
    assert "Traceback" not in nobody.err + seen.err + wrong.err


@pytest.mark.usefixtures("admin")
def test_a_guarded_server_without_users_is_told_how_it_gets_the_first(tmp_path: Path) -> None:
    folder = tmp_path / "influxdb"
    folder.mkdir()
    server = InfluxServer(folder, auth=True)
    server.start()
    try:
        ran = setup(site_file(tmp_path, server))
    finally:
        server.stop()

    assert ran.code == 1
    assert "CREATE USER admin WITH PASSWORD 'choose one' WITH ALL PRIVILEGES" in ran.err
    assert "let the token write" not in ran.err


@pytest.mark.usefixtures("admin")
@pytest.mark.parametrize("content", ["", "\n"])
def test_nothing_is_made_where_a_secret_is_there_and_says_nothing(
    tmp_path: Path, guarded: InfluxServer, content: str
) -> None:
    file = site_file(tmp_path, guarded)
    secret = file.parent / "secrets" / "influxdb"
    secret.parent.mkdir()
    secret.write_text(content)
    secret.chmod(0o600)
    ran = setup(file)

    assert ran.code == 1
    assert f"{secret} is there, and yet it could not be read" in ran.err
    assert guarded.query("SHOW DATABASES") == []


@pytest.mark.usefixtures("admin")
def test_nothing_is_made_where_the_secret_could_not_be_kept(tmp_path: Path, guarded: InfluxServer) -> None:
    file = site_file(tmp_path, guarded)
    (file.parent / "secrets").write_text("no folder")
    ran = setup(file)

    assert ran.code == 1
    assert "secrets is no folder" in ran.err
    assert guarded.query("SHOW DATABASES") == []


@pytest.mark.usefixtures("admin")
def test_an_error_says_what_was_done_before_it(tmp_path: Path, guarded: InfluxServer) -> None:
    file = site_file(tmp_path, guarded)
    for name in ("monitor", "monitor-hq", "monitor-hq-influxdb"):
        guarded.query(f"CREATE USER \"{name}\" WITH PASSWORD 'x'")
    ran = setup(file)

    assert ran.code == 1
    assert "2 of what is to be done was done before that" in ran.err
    assert "their passwords are not known here" in ran.err
    assert not (file.parent / "secrets").exists()


@pytest.mark.usefixtures("admin")
def test_one_of_several_sinks_is_prepared(tmp_path: Path, guarded: InfluxServer) -> None:
    file = site_file(tmp_path, guarded)
    text = file.read_text().partition("sinks:")[0]
    file.write_text(
        f"{text}sinks:\n  influxdb:\n"
        f'    - {{id: influxdb, url: "{guarded.url}", bucket: facility, token: !secret influxdb}}\n'
        f'    - {{id: owner, url: "{guarded.url}", bucket: owner, token: !secret owner}}\n'
    )
    one = setup(file, "--sink", "owner")
    nobody = setup(file, "--sink", "else")

    shared = setup(file, "--grafana", tmp_path / "shared.env")

    assert (shared.code, (tmp_path / "shared.env").exists()) == (2, False)
    assert one.code == 0, one.err
    assert {row["name"] for row in guarded.query("SHOW DATABASES")} == {"owner", "owner-access"}
    assert (file.parent / "grafana-owner.env").exists()
    assert nobody.code == 1
    assert "influxdb, owner" in nobody.err


def test_at_a_terminal_the_administrator_is_asked_and_what_is_typed_is_not_shown(
    tmp_path: Path, guarded: InfluxServer
) -> None:
    file = site_file(tmp_path, guarded)
    with Terminal("influx", "setup", file) as terminal:
        terminal.answer("Administrator of", f"{ADMIN}:{PASSWORD}")
        code = terminal.end()

    assert code == 0, terminal.shown
    assert PASSWORD not in terminal.shown
    assert "systemctl restart facility-monitor" in terminal.shown
    assert (file.parent / "secrets" / "influxdb").exists()


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
