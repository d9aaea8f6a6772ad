"""The page about notifications: every state, kind, matcher and log event is on it, and its addresses work."""

import re
from pathlib import Path

import pytest

from monitor.notices import NoticeKind
from monitor.notify.channels import CHANNELS, check_address
from monitor.notify.messages import LANGUAGES
from monitor.notify.routing import choose
from monitor.notify.store import STATES
from monitor.settings import load
from tests.notify.house import notice

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


def test_the_example_on_the_page_loads_and_routes_as_it_says(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(notify:.*?)```", PAGE, re.DOTALL)
    assert example is not None
    file = tmp_path / "site.yaml"
    file.write_text("site: {id: maple-court, name: Maple Court, timezone: Europe/Berlin}\n" + example[1], "utf-8")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "ana-chat").write_text("tgram://123456789:abcdefg_hijklmnop/12315544", "utf-8")
    (tmp_path / "secrets" / "ana-chat").chmod(0o600)
    mails = {
        "ANA_MAIL": "mailto://127.0.0.1/?to=a@example.org",
        "BEN_MAIL": "mailto://127.0.0.1/?to=b@example.org",
    }

    loaded = load(file, drivers={}, rules={}, environ=mails)

    told = [
        (one.team, one.person, one.channel, one.after, str(one.reason))
        for one in choose(loaded.site, notice(NoticeKind.RAISE))
    ]
    assert told == [
        ("house", "ana", "mail", 0, "matched"),
        ("house", "ana", "chat", 0, "matched"),
        ("house", "ben", "mail", 900_000, "matched"),
    ]
