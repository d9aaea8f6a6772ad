"""`influx setup` on the real InfluxDB 1.6.7, with and without authentication; twice as a process of its own."""

from pathlib import Path

import pytest

from tests.cli.running import command, within
from tests.cli.setups import lasting, may_write, mode, readers_in, rights, setup, site_file, users, variables
from tests.cli.terminal import Terminal
from tests.servers.influxdb import ADMIN, PASSWORD, InfluxServer


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
