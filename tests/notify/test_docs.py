"""The page about notifications: every state, kind, matcher and log event is on it, and its addresses work."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.notices import NoticeKind
from monitor.notify.channels import CHANNELS, check_address
from monitor.notify.messages import LANGUAGES
from monitor.notify.routing import choose
from monitor.notify.store import STATES
from monitor.settings import load
from monitor.site import Site
from tests.notify.house import HOUSE, notice

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "notifications.md").read_text("utf-8")


@pytest.mark.parametrize(
    "word",
    [
        *STATES,
        *(str(kind) for kind in NoticeKind),
        *LANGUAGES,
        *(f"{scheme}:" for scheme in CHANNELS),
        *("building", "zone", "class", "device", "rule", "kind", "severity"),
    ],
)
def test_the_page_names_it(word: str) -> None:
    assert f"`{word}`" in PAGE


def test_the_page_names_every_event_of_the_log() -> None:
    code = "".join(path.read_text("utf-8") for path in (ROOT / "monitor" / "notify").rglob("*.py"))
    events = set(re.findall(r'_LOG\.\w+\(\s*"(\w+)"', code))

    assert events
    assert {event for event in events if f"`{event}`" not in PAGE} == set()


def test_the_addresses_on_the_page_are_understood() -> None:
    addresses = re.findall(r"^\| [^|]+ \| `([a-z]+:[^`]*)` \|$", PAGE, re.MULTILINE)

    assert len(addresses) == 23
    assert {address: check_address(address) for address in addresses} == dict.fromkeys(addresses)


def _example(heading: str, folder: Path) -> Site:
    """The site of the first example below a heading."""
    example = re.search(rf"^## {heading}\n.*?```yaml\n(notify:.*?)```", PAGE, re.DOTALL | re.MULTILINE)
    assert example is not None
    file = folder / "site.yaml"
    file.write_text("site: {id: maple-court, name: Maple Court, timezone: Europe/Berlin}\n" + example[1], "utf-8")
    (folder / "secrets").mkdir()
    (folder / "secrets" / "ana-chat").write_text("tgram://123456789:abcdefg_hijklmnop/12315544", "utf-8")
    (folder / "secrets" / "ana-chat").chmod(0o600)
    mails = {
        "ANA_MAIL": "mailto://127.0.0.1/?to=a@example.org",
        "BEN_MAIL": "mailto://127.0.0.1/?to=b@example.org",
    }
    return load(file, drivers={}, rules={}, environ=mails).site


def test_ten_lines_are_enough_and_do_what_the_page_says(tmp_path: Path) -> None:
    site = _example("Start here", tmp_path)
    told = [(one.person, one.after) for one in choose(site, notice(NoticeKind.RAISE))]

    assert told == [("ana", 0), ("ben", 900_000)]
    assert (site.notify.people["ana"].quiet is None, site.notify.self_test is None) == (False, False)


@pytest.mark.parametrize(
    ("kind", "severity", "told"),
    [
        ("water", "high", [("plumbers", "ben", 0), ("house", "ana", 0)]),
        ("water", "low", [("house", "ana", 0), ("house", "ben", 900_000)]),
        ("electricity", "critical", [("house", "ana", 0), ("house", "ben", 900_000)]),
    ],
)
def test_the_routes_on_the_page_go_on_as_it_says(
    tmp_path: Path, kind: str, severity: str, told: Sequence[tuple[str, str, int]]
) -> None:
    site = _example("Set it up", tmp_path)
    device = replace(HOUSE.devices["main-electricity"], device_class=kind)
    site = replace(site, devices={device.id: device})
    found = [one for one in choose(site, notice(NoticeKind.RAISE, severity=severity)) if one.tells]

    assert [(one.team, one.person, one.after) for one in found if one.channel == "mail"] == told


def test_the_example_on_the_page_loads_and_routes_as_it_says(tmp_path: Path) -> None:
    site = _example("Set it up", tmp_path)

    told = [
        (one.team, one.person, one.channel, one.after, str(one.reason))
        for one in choose(site, notice(NoticeKind.RAISE))
    ]
    assert told == [
        ("house", "ana", "mail", 0, "matched"),
        ("house", "ana", "chat", 0, "matched"),
        ("house", "ben", "mail", 900_000, "matched"),
    ]
