"""`console`: where browsers reach it, and what keeps passwords off the network."""

from dataclasses import replace
from pathlib import Path

import pytest

from monitor.site import ConsoleSettings
from tests.settings.conftest import Load, Mistakes


def test_without_the_section_it_is_not_served(load_text: Load) -> None:
    assert load_text("").site.console is None


@pytest.mark.parametrize("given", ["console:\n", "console: {}\n"])
def test_with_the_bare_section_it_is_served_on_this_machine(load_text: Load, given: str) -> None:
    loaded = load_text(given)

    assert loaded.site.console == ConsoleSettings()
    assert not [each for each in loaded.warnings if each.path.startswith("console")]


def test_a_base_has_proxies_on_this_machine_be_believed(load_text: Load) -> None:
    given = '{listen: "[::1]:9000", base: "https://house.example.org/fm/", session: {idle: 1 h, longest: 1 day}}'
    loaded = load_text(f"console: {given}\n")

    assert loaded.site.console == ConsoleSettings(
        host="::1",
        port=9000,
        base="https://house.example.org/fm",
        proxies=("127.0.0.0/8", "::1/128"),
        idle=3600.0,
        longest=86400.0,
    )
    told = load_text(f"console: {given[:-1]}, proxies: [10.1.0.0/24, 192.0.2.1]}}\n").site.console
    assert told == replace(loaded.site.console, proxies=("10.1.0.0/24", "192.0.2.1/32"))


def test_files_of_tls_have_to_be_there_before_it_runs(load_text: Load, tmp_path: Path) -> None:
    text = 'console: {listen: "0.0.0.0:8470", tls: {certificate: house.pem, key: house.key}}\n'
    absent = load_text(text)
    for name in ("house.pem", "house.key"):
        (tmp_path / name).touch()
    there = load_text(text)

    assert {each.path for each in absent.refusals} == {"console.tls.certificate", "console.tls.key"}
    assert there.refusals == ()
    assert there.site.console is not None
    assert there.site.console.certificate == tmp_path / "house.pem"


@pytest.mark.parametrize(
    ("given", "path", "said"),
    [
        ('{listen: "0.0.0.0:8470"}', "console", "anywhere: true"),
        ("{listen: 8470}", "console.listen", "127.0.0.1:9100"),
        ("{base: house.example.org}", "console.base", "https://"),
        ('{base: "https://me:secret@house.example.org"}', "console.base", "https://"),
        ("{tls: {certificate: a.pem}}", "console.tls.key", ""),
        ("{proxies: [house.example.org]}", "console.proxies", "10.1.0.0/24"),
        ("{proxies: [0.0.0.0/0]}", "console.proxies", "everybody"),
        ('{proxies: [127.0.0.1, "::/0"]}', "console.proxies", "::/0 has everybody"),
        ("{proxies: [128.0.0.0/1]}", "console.proxies", "everybody"),
        ("{session: {idle: 2 days, longest: 1 day}}", "console.session", "`idle`"),
        ("{session: {idle: 1 s}}", "console.session.idle", "300"),
        ("{lissten: x}", "console.lissten", "listen"),
    ],
)
def test_what_is_wrong_is_told(mistakes: Mistakes, given: str, path: str, said: str) -> None:
    found = [each for each in mistakes(f"console: {given}\n") if each.path == path]

    assert found
    assert said in str(found[0])


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ('{listen: "0.0.0.0:8470", anywhere: true}', ["console.anywhere"]),
        ('{base: "http://house.example.org"}', ["console.base"]),
        ('{listen: "0.0.0.0:8470", anywhere: true, base: "https://house.example.org"}', []),
        ('{base: "http://localhost:8470"}', []),
    ],
)
def test_passwords_in_the_open_are_a_warning(load_text: Load, given: str, path: list[str]) -> None:
    loaded = load_text(f"console: {given}\n")

    assert [each.path for each in loaded.warnings if each.path.startswith("console")] == path


@pytest.mark.parametrize(
    ("proxies", "wide"),
    [
        ("[127.0.0.0/8, 10.1.2.0/24, 192.0.2.1]", []),
        ('["::1", "fd00:1:2:3::/64"]', []),
        ("[10.0.0.0/8, 10.1.2.3]", ["10.0.0.0/8"]),
        ('["fc00::/7", 172.16.0.0/12]', ["fc00::/7", "172.16.0.0/12"]),
    ],
)
def test_networks_that_have_more_in_them_than_proxies_are_a_warning(
    load_text: Load, proxies: str, wide: list[str]
) -> None:
    loaded = load_text(f"console: {{proxies: {proxies}}}\n")
    told = [str(each) for each in loaded.warnings if each.path == "console.proxies"]

    assert len(told) == len(wide)
    assert all(network in said for network, said in zip(wide, told, strict=True))
