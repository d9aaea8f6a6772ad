"""The page about notifications: every state, kind, matcher and log event is on it, and its addresses work."""

import re
from pathlib import Path

import pytest

from monitor.notify.channels import CHANNELS, check_address
from monitor.notify.messages import LANGUAGES
from monitor.notify.store import STATES
from monitor.ports import NoticeKind

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

    assert len(addresses) == 6
    assert {address: check_address(address) for address in addresses} == dict.fromkeys(addresses)
