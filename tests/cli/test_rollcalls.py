"""The roll call in its forms, what happened at doors in words, and the directory of names."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from monitor.cli import accesslook, rollcalls
from monitor.cli.meterasking import Asking
from tests.cli.running import aside, command
from tests.end_to_end.daemon import Daemon

NOW = 1_795_786_516_000
ANA = "a" * 24
SITE = """
site: {id: house, name: House, timezone: Europe/Berlin}
connections:
  - {id: broker, mqtt: {url: "mqtt://127.0.0.1:1"}}
devices:
  - {id: reader, profile: esp-rfid, connection: broker, topic: doors/front, direction: in}
access: {names: !secret names, zones: [{id: house, name: The house, doors: [reader]}]}
"""


def _call(*people: tuple[str, str], others: int = 0, language: str = "en") -> dict[str, Any]:
    return {
        "site_name": "House",
        "timezone": "Europe/Berlin",
        "language": language,
        "time": NOW,
        "zones": [{"zone": "h", "name": "The house"}, {"zone": "lab", "name": "Laboratory"}],
        "present": [
            {"zone": "h", "name": name, "credential": who, "since": NOW, "reader": "reader"}
            for who, name in people
        ],
        "others": {"h": others, "lab": 0},
    }


def test_a_roll_call_names_people_or_shows_their_pseudonyms(capsys: pytest.CaptureFixture[str]) -> None:
    rollcalls.print_table_of(_call((ANA, "Ana Lindgren"), ("b" * 24, ""), others=1))

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "House, 2026-11-27 14:35:16: 3 people"
    assert [line.split()[:4] for line in lines[3:5]] == [
        ["The", "house", "Ana", "Lindgren"],
        ["The", "house", "b" * 24, "2026-11-27"],
    ]
    assert lines[5] == "and 1 in The house without a card of their own"


@pytest.mark.parametrize(
    ("call", "said"), [(_call(), "0 people"), (_call((ANA, "")), "1 person"), (_call(others=1), "1 person")]
)
def test_one_person_is_no_people(call: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    rollcalls.print_table_of(call)

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith(f": {said}")
    assert ("came by" in "".join(lines)) == bool(call["present"]), "no table of nobody"
    assert f'<p class="count">{said}</p>' in rollcalls.html_of(call)


def test_the_page_has_a_box_for_everybody_and_hides_no_markup() -> None:
    page = rollcalls.html_of(_call((ANA, "<b>Ana"), ("b" * 24, ""), others=2, language="zh"))

    assert page.count("<i></i>") == 4
    assert "&lt;b&gt;Ana" in page
    assert "<b>Ana" not in page
    assert "The house: 4" in page
    assert "共 4 人" in page
    assert page.count("无卡人员") == 2


def test_a_name_is_no_formula_of_a_spreadsheet() -> None:
    table = rollcalls.csv_of(_call((ANA, "=1+1"), others=2)).splitlines()

    assert table == [
        "zone,who,since,came by",
        "The house,'=1+1,2026-11-27 14:35:16,reader",
        "The house,2 without a card,,",
    ]


def test_what_happened_is_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    common = {"zone": "h", "door": "d", "name": "", "credential": "", "is_late": False, "time": NOW}
    common |= {"result": "", "direction": "", "reason": "", "attributes": {}}
    entries = [
        {**common, "device": "reader", "kind": "card", "result": "denied", "direction": "in", "reason": "Expired"},
        {**common, "device": "door", "kind": "opened", "attributes": {"cause": "none"}},
        {**common, "device": "door", "kind": "closed", "attributes": {"open_s": 9.1}, "is_late": True},
    ]
    asking = Asking(None, ZoneInfo("Europe/Berlin"), NOW)  # type: ignore[arg-type] - it asks nothing

    accesslook.print_events(entries, asking, with_names=False)

    said = capsys.readouterr().out
    for words in (
        "denied, in, Expired",
        "without a reason",
        "open for 9 s",
        "late: it came more than two minutes",
    ):
        assert words in said, words


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """A site with a reader and a directory of names."""
    (tmp_path / "secrets").mkdir()
    secret = tmp_path / "secrets" / "names"
    secret.write_text("a long secret of five words\n", "utf-8")
    secret.chmod(0o600)
    (tmp_path / "site.yaml").write_text(SITE, "utf-8")
    running = Daemon(tmp_path / "site.yaml", tmp_path / "state").start()
    yield running
    running.stop()


async def test_names_come_and_go_and_a_wrong_list_says_what_to_do(daemon: Daemon) -> None:
    folder = daemon.state.parent
    (folder / "names.csv").write_text("credential;name;note\n04a1;Ana Lindgren;flat 3\n04a2;Ben Bo;\n", "utf-8")
    (folder / "wrong.csv").write_text("credential,name,form\nzz,Cem,hex\n", "utf-8")
    at = ("--state", daemon.state)

    taken = await command("access", "names", "import", folder / "names.csv", *at)
    wrong = await aside("access", "names", "import", folder / "wrong.csv", *at)
    gone = await aside("access", "names", "remove", "Ben Bo", *at)
    again = await aside("access", "names", "remove", "Ben Bo", *at)
    left = await aside("access", "names", "--json", *at)

    assert taken.out.startswith("2 names are in the directory; now delete"), taken
    assert "line 2: the credential is not hex" in wrong.err
    assert "correct the list and give it to `facility-monitor access names import` again" in wrong.err
    assert gone.out.endswith("has no name any more\n"), gone
    assert "nobody in the directory with that name" in again.err
    assert [one["name"] for one in left.json] == ["Ana Lindgren"]
