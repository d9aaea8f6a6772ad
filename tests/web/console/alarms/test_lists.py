"""The home page and the list of alarms: what is in them, in which order, filtered and page by page."""

from dataclasses import replace

import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.web.callers import Role
from monitor.web.console.alarms.seen import by_urgency
from tests.clock import ManualClock
from tests.web.console.alarms.alarmhouse import Console
from tests.web.console.asking import asking, somebody
from tests.web.console.looking import Element, assert_sound, tree_of
from tests.web.serving import ALARM, ScriptedAlarms, make_parts


def part(html: str, ident: str) -> str:
    """What an element says."""
    return next((each.text for each in tree_of(html).all() if each.get("id") == ident), "")


def titles(html: str, ident: str = "main") -> list[str]:
    """The alarms that are listed in an element, in order."""
    (there,) = [each for each in tree_of(html).all() if each.get("id") == ident]
    return [each.text for each in there.all() if each.name == "a" and each.get("class") == "go"]


async def test_home_says_in_one_sentence_that_all_is_well(journal: SqliteJournal, clock: ManualClock) -> None:
    parts = make_parts(journal, clock)
    health = dict.fromkeys(parts.site.devices, "answering")
    parts = replace(parts, alarms=ScriptedAlarms(clock), health=lambda: health)
    async with asking(parts, somebody(Role.VIEWER)) as client:
        page = (await client.get("/")).text

    assert_sound(page)
    assert part(page, "lead") == "All is well: 2 of 2 devices answer, and nobody waits."


async def test_home_shows_what_waits_the_most_severe_first_and_who_is_on_call(console: Console) -> None:
    await console.forced()
    await console.alarm()
    await console.leaks(water=True)
    async with console.asked_by(Role.VIEWER, person="") as browser:
        page = await browser.see("/")

    assert part(page, "lead") == "3 alarms wait for somebody."
    assert titles(page, "waiting") == ["leak: Sensor", "Undervoltage: Meter", "forced: Door"]
    assert part(page, "mine") == ""
    assert "Door does not answer" in part(page, "itself")
    assert part(page, "duty").startswith("On call now On-call duty Ana")


def test_what_goes_on_stands_before_what_is_over_each_by_severity_and_age() -> None:
    alarms = [
        {"occurrence": name, "active": name[0] in "al", "momentary": name[0] == "m", "normal": name[0] == "l"}
        | {"severity": severity, "raised_at": raised}
        for name, severity, raised in (
            ("over-critical", "critical", 9),
            ("over-low", "low", 9),
            ("latched-over", "high", 1),
            ("a-low-old", "low", 1),
            ("a-low-new", "low", 2),
            ("momentary-high", "high", 2),
            ("a-critical", "critical", 1),
        )
    ]

    order = [each["occurrence"] for each in by_urgency(alarms)]

    assert order == [
        "a-critical",
        "a-low-new",
        "a-low-old",
        "over-critical",
        "momentary-high",
        "latched-over",
        "over-low",
    ]


async def test_home_moves_an_alarm_from_waiting_to_seen_to_to_over(console: Console) -> None:
    occurrence = await console.alarm()
    async with console.asked_by(Role.OPERATOR) as browser:
        await browser.done(f"/alarms/{occurrence}/assign", person="ana")
        await browser.done(f"/alarms/{occurrence}/acknowledge")
        seen_to = await browser.see("/")
        await console.says(230.0)
        over = await browser.see("/")

    assert part(seen_to, "lead") == "Nobody waits: what there is, is seen to."
    assert titles(seen_to, "seen-to") == ["Undervoltage: Meter"]
    assert titles(seen_to, "mine") == ["Undervoltage: Meter"]
    assert titles(over, "ends") == ["Undervoltage: Meter"]
    assert titles(over, "mine") == ["Undervoltage: Meter"]  # its case is open
    assert part(over, "lead") == "No alarm waits, but the monitoring itself needs a look."


async def test_home_counts_what_nobody_is_told_of(console: Console) -> None:
    occurrence = await console.alarm()
    async with console.asked_by(Role.SUPERVISOR) as browser:
        await browser.done(f"/alarms/{occurrence}/shelve", minutes="15", reason="work")
        await browser.done(
            "/maintenance/plan", device_class="safety", length="1", unit="days", reason="work", name="Yearly"
        )
        page = await browser.see("/")

    assert titles(page, "waiting") == []
    assert "1 shelved" in part(page, "held")
    assert "1 maintenance now" in part(page, "held")


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ({"judging": lambda: {"failing_rules": 2}}, "Rules that cannot be judged: 2"),
        ({"judging": lambda: {"lag_s": 61.0}}, "Alarms are late"),
        ({"judging": lambda: {"flooding": True}}, "Many alarms at once"),
        ({"sinks": lambda: {"influxdb": {"last_error": "connection refused"}}}, "influxdb connection refused"),
        ({"deadman": lambda: {"last_error": "timed out"}}, "ping that says the monitor lives"),
    ],
)
async def test_home_says_what_is_wrong_with_the_monitoring(
    console: Console, trouble: dict[str, object], words: str
) -> None:
    console.parts = replace(console.parts, **trouble)
    async with console.asked_by(Role.VIEWER) as browser:
        page = await browser.see("/")

    assert words in part(page, "itself")


async def test_the_list_is_filtered(console: Console) -> None:
    await console.alarm()
    await console.says(230.0)
    await console.alarm()
    await console.leaks(water=True)
    shelved = next(each["occurrence"] for each in await console.alarms() if each["rule"] == "leak")
    leak, low = "leak: Sensor", "Undervoltage: Meter"
    async with console.asked_by(Role.SUPERVISOR) as browser:
        await browser.done(f"/alarms/{shelved}/shelve", minutes="15", reason="work")
        found = {
            str(query): titles(await browser.see("/alarms", **query), "alarms")
            for query in (
                {},
                {"state": "over"},
                {"severity": "critical"},
                {"building": "A"},
                {"class": "safety"},
                {"text": "METER"},
                {"text": "no such thing"},
                {"hold": "shelved"},
                {"hold": "out_of_service"},
                {"mine": "1"},
            )
        }

    assert list(found.values()) == [[leak, low], [low], [leak], [low], [leak], [low], [], [leak], [], []]


async def test_what_was_over_long_ago_is_found_page_by_page_and_by_its_words_in_either_language(
    console: Console,
) -> None:
    await console.alarm()
    await console.says(230.0)
    (template,) = await console.house.state.query("SELECT * FROM alarm")
    fields = template.keys()
    rows = [
        dict(template)
        | {"occurrence": f"{number:016x}", "raised_at": template["raised_at"] - 60_000 * number}
        | {"state": "clear", "response": "none"}
        for number in range(1, 260)
    ]
    rows[-1]["title"] = "Aufz\u00fcge: Meter"
    before = ("x", "٣.a", "9" * 30, "-1.", "1")
    insert = f"INSERT INTO alarm VALUES ({', '.join(f':{name}' for name in fields)})"
    await console.house.state.transact(lambda db: db.executemany(insert, rows))
    listed: list[str] = []
    async with console.asked_by(Role.VIEWER, language="zh") as browser:
        page = await browser.see("/alarms", state="over", text="欠压", severity="high")
        while True:
            links = [each.get("href") for each in tree_of(page).all()]
            listed += [str(link) for link in links if str(link).startswith("/alarms/")]
            following = [each for each in tree_of(page).all() if each.get("rel") == "next"]
            if not following:
                break
            assert "severity=high" in str(following[0].get("href"))
            page = await browser.see(str(following[0].get("href")))
        nothing = await browser.see("/alarms", state="all", text="停电")
        by_rule = await browser.see("/alarms", state="all", rule="low")
        other = await browser.see("/alarms", state="all", rule="leak")
        found = await browser.see("/search", q=f"{259:016x}")
        folded = [await browser.see("/search", q=each) for each in ("Meter aufzuge", "\uff21\uff35\uff26Z\u00dcG")]
        chosen = await browser.see("/alarms", state="all", text="meter AUFZU")
        odd = [await browser.see("/alarms", state="all", before=each) for each in before]

    assert len(listed) == len(set(listed)) == 259
    assert titles(nothing, "alarms") == titles(other, "alarms") == []
    assert len(titles(by_rule, "alarms")) == 50
    assert f"/alarms/{259:016x}" in found
    assert all(f"/alarms/{259:016x}" in each for each in folded)
    assert titles(chosen, "alarms") == ["Aufz\u00fcge: Meter"]
    assert [len(titles(each, "alarms")) for each in odd] == [50, 50, 50, 50, 0]


async def test_long_lists_come_fifty_at_a_time_and_keep_their_filters(
    journal: SqliteJournal, clock: ManualClock
) -> None:
    alarms = {
        f"o{number}": ALARM | {"occurrence": f"o{number}", "shadow": False, "since": ALARM["raised_at"]}
        for number in range(120)
    }
    parts = replace(make_parts(journal, clock), alarms=ScriptedAlarms(clock, alarms=alarms))
    async with asking(parts, somebody(Role.VIEWER)) as client:
        pages = [
            (await client.get("/alarms", params={"severity": "high", "page": page})).text
            for page in ("1", "3", "4", "0", "-1", "x", "9" * 50)
        ]

    for page in pages:
        assert_sound(page)
    assert [len(titles(page)) for page in pages] == [50, 20, 20, 50, 50, 50, 50]
    (following,) = [each for each in tree_of(pages[0]).all() if each.get("rel") == "next"]
    assert isinstance(following, Element)
    assert "severity=high" in following.get("href")
    assert "page=2" in following.get("href")
