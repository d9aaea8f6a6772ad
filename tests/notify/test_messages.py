"""Messages: what they say, in which language, and what they never say."""
# ruff: noqa: RUF001 - Chinese has punctuation of its own

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import monitor.notify.messages
from monitor.notices import NoticeKind
from monitor.notify.messages import KINDS, LANGUAGES, render
from tests.notify.house import MINUTE, NOW, Params, body, rule


def test_a_raise_says_what_where_since_when_how_much_and_what_to_do() -> None:
    message = render("raise", "en", body())

    assert message.title == "[HIGH] Undervoltage: Main meter"
    assert message.text.splitlines() == [
        "Site: Maple Court",
        "Where: Main meter (main-electricity), building A, plant room",
        "Since: Sun 22 Nov, 21:15",
        "Voltage L1: 201.3 V (limit 207 V)",
        "Point: voltage_l1_v",
        "What to do: Check the main breaker.",
        "To acknowledge: facility-monitor alarms ack o1",
    ]
    assert message.severity == "high"


def test_after_what_to_do_it_says_what_it_usually_is_and_what_happens_otherwise() -> None:
    params = Params(cause="A fuse.", consequence="Motors burn.", owner="Electrician")
    told = body(rule=replace(rule(), params=params))

    assert render("raise", "en", told).text.splitlines()[-5:-1] == [
        "What to do: Check the main breaker.",
        "Usual cause: A fuse.",
        "If nothing is done: Motors burn.",
        "Owner: Electrician",
    ]
    assert render("severity", "zh", told).text.splitlines()[-4:-1] == [
        "常见原因：A fuse.",
        "如不处理：Motors burn.",
        "负责人：Electrician",
    ]
    assert told["cause"] == "raised", "the step is another thing than the cause that the rule tells"


def test_a_condition_of_several_values_tells_them() -> None:
    known = body(rule=rule("composite"), value=None, limit=None) | {
        "facts": {"open": "true", "main.power_w": 250.04, "age_open": 1801.0}
    }

    assert "Values: age_open = 1,801, main.power_w = 250.04, open = true" in render("raise", "en", known).text
    assert "数值：age_open = 1,801、main.power_w = 250.04、open = true" in render("raise", "zh", known).text


def test_a_raise_in_chinese() -> None:
    message = render("raise", "zh", body(severity="critical"))

    assert message.title == "【紧急】欠压：Main meter"
    assert "开始时间：11月22日 周日 21:15" in message.text
    assert "电压 L1：201.3 V（限值 207 V）" in message.text


def test_a_clear_says_how_long_it_lasted() -> None:
    facts_of_end = body(NoticeKind.CLEAR, time=NOW + 65 * MINUTE)

    assert "after 1 hr 5 min" in render("clear", "en", facts_of_end).text
    assert "持续 1小时 5分钟" in render("clear", "zh", facts_of_end).text


def test_an_acknowledgement_says_who_and_why() -> None:
    text = render("acknowledged", "en", body(NoticeKind.ACKNOWLEDGED, by="ben", reason="on my way")).text

    assert "by ben" in text
    assert "Remark: on my way" in text


def test_the_combined_message_says_both_times() -> None:
    text = render("combined", "en", body(), cleared=NOW + 7 * MINUTE).text

    assert "Raised: Sun 22 Nov, 21:15" in text
    assert "Cleared: Sun 22 Nov, 21:22, after 7 min" in text


def test_what_is_told_again_says_why() -> None:
    expired = body(cause="unshelved", reason="shelf expired")

    assert "It was shelved, and is still there. (shelf expired)" in render("raise", "en", expired).text
    assert "搁置已结束，报警仍然存在。" in render("raise", "zh", expired).text
    assert "still there" not in render("raise", "en", body()).text


def test_the_end_of_a_shelf_is_told_with_its_time() -> None:
    facts_of_shelf = body(NoticeKind.SHELF_EXPIRING, by="ben", reason="new pump") | {"facts": {"until": NOW}}
    message = render("shelf_expiring", "en", facts_of_shelf)

    assert message.title == "[SHELF ENDS] Undervoltage: Main meter"
    assert "Shelved until: Sun 22 Nov, 21:15 by ben" in message.text
    assert "Reason: new pump" in message.text


@pytest.mark.parametrize(
    ("why", "title", "says"),
    [
        ({"gather": "flood:1"}, "[HIGH] 12 alarms: Maple Court", "More alarms come than can be told"),
        ({"gather": "maintenance:1"}, "[HIGH] 12 alarms: Maple Court", "Maintenance is over"),
        ("flood", "[HIGH] 12 alarms: Maple Court", "More alarms come than can be told"),
        ("maintenance", "[HIGH] 12 alarms: Maple Court", "Maintenance is over"),
        ("group", "[HIGH] 12 alarms: Maple Court", "These belong together"),
        ("pace", "[HIGH] 12 alarms: Maple Court", "These came shortly after one another"),
        ("budget", "[HIGH] 12 alarms: Maple Court", "as many messages as you wanted"),
        ("quiet", "[THIS NIGHT] 12 alarms: Maple Court", "This came in your quiet hours"),
    ],
)
def test_many_alarms_in_one_message(why: Any, title: str, says: str) -> None:
    one = {"severity": "high", "rule": {"name": "Leak"}, "device": {"name": "Cellar"}, "since": NOW}
    acknowledged = {**one, "kind": "acknowledged", "by": "ben", "cleared": None, "building": "B"}
    alarms = [{**one, "cleared": None}, {**one, "kind": "clear", "cleared": NOW + 5 * MINUTE}, acknowledged]
    told = {"count": 12, "alarms": alarms, "more": 9} | ({} if isinstance(why, dict) else {"why": why})
    said = {**body(), **(why if isinstance(why, dict) else {}), "gathered": told}
    message = render("gathered", "en", said)

    assert message.title == title
    assert message.text.splitlines()[0].startswith(says) or says in message.text.splitlines()[0]
    assert message.text.splitlines()[1:5] == [
        "- [HIGH] Leak: Cellar; since Sun 22 Nov, 21:15",
        "- [HIGH] Leak: Cellar; Sun 22 Nov, 21:15, over after 5 min",
        "- [HIGH] Leak: Cellar (building B); since Sun 22 Nov, 21:15, acknowledged by ben",
        "And 9 more.",
    ]
    assert "12 条报警" in render("gathered", "zh", said).title


def test_many_ends_in_one_message_are_called_cleared_and_ask_for_nothing() -> None:
    one = {"severity": "high", "rule": {"name": "Leak"}, "device": {"name": "Cellar"}, "since": NOW}
    told = {"why": "pace", "count": 1, "alarms": [{**one, "kind": "clear", "cleared": NOW}], "more": 0}
    message = render("gathered", "en", {**body(), "gathered": told})

    assert message.title == "[CLEARED] 1 alarm: Maple Court"
    assert "acknowledge" not in message.text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_known_is_not_mentioned(kind: str, language: str) -> None:
    bare = body(device="gone", source_key="gone", value=None, limit=None)
    bare.pop("response")
    bare |= (
        {"gather": "flood:1", "gathered": {"why": "flood", "count": 0, "alarms": [], "more": 0}}
        if kind == "gathered"
        else {}
    )

    message = render(kind, language, bare, cleared=NOW)

    for word in (
        "None",
        "null",
        "Value",
        "数值",
        "Voltage",
        "电压",
        "limit",
        "Point",
        "What to do",
        "{",
        "}",
        "\n\n",
    ):
        assert word not in message.text
    assert message.title
    assert "\n" not in message.title


LEAK = {"unit": "m3/h", "flow_l_h": 120.0, "usual_l_h": 4.0, "day_m3": 2.784, "day_cost": 11.27, "currency": "EUR"}
MISSING = {"unit": "%", "main_m3": 10.0, "below_m3": 8.5, "missing_m3": 1.5}
PEAK = {"unit": "W", "contract": 50_000.0, "share_pct": 104.0, "status": "predicted", "left_s": 540}
MONTH = {"over": 2500.0, "month_cost": 20.5, "currency": "EUR"}
HOURS = {"unit": "m3", "expected": 1.0, "expected_low": 0.8, "expected_high": 1.2, "hours": 3, "difference": 1.5}
COST = {"cost": 3.0, "currency": "EUR"}


@pytest.mark.parametrize(
    ("told", "lines", "chinese"),
    [
        (
            LEAK,
            ["Flow: 120 L/h (usual at night: 4 L/h)", "If it goes on: 2.784 m³ a day, about €11.27"],
            ["流量：120 L/h（夜间通常 4 L/h）", "若持续下去：每天 2.784 m³，约 €11.27"],
        ),
        (
            {"flow_l_h": 12.0, "day_m3": 0.288, "flows_for_h": 23.1},
            ["Flow: 12 L/h", "Without a pause: 23 hr 6 min", "If it goes on: 0.288 m³ a day"],
            ["流量：12 L/h", "持续流动：23小时 6分钟", "若持续下去：每天 0.288 m³"],
        ),
        (MISSING, ["Missing: 1.5 m³ of 10 m³ in a day"], ["差额：每天 1.5 m³（总表 10 m³）"]),
        (
            {"missing_kwh": 9.0, "main_kwh": 40.0, "day_cost": 2.7, "currency": "EUR"},
            ["Missing: 9 kWh of 40 kWh in a day, about €2.70"],
            ["差额：每天 9 kWh（总表 40 kWh），约 €2.70"],
        ),
        (
            {"status": "metering_fault", **MISSING},
            ["The meters below count more than the main meter: one of them is wrong."],
            ["分表之和大于总表：其中有表计不准。"],
        ),
        (
            PEAK | MONTH,
            [
                "Contract: 50,000 W; 104 % of it expected, 9 min left",
                "Cost: as the greatest of the month it adds €20.50 to the demand charge",
            ],
            [
                "合同容量：50,000 W；预计达到 104 %，剩余 9分钟",
                "费用：若为本月最大需量，需量电费将增加 €20.50",
            ],
        ),
        (
            HOURS | COST,
            [
                "Expected: 0.8 to 1.2 m³ in this hour",
                "Difference: 1.5 m³ in 3 hr from what is usual, about €3.00",
            ],
            ["预期：本小时 0.8 至 1.2 m³", "偏差：3小时内与平常相差 1.5 m³，约 €3.00"],
        ),
        ({"odd": "current_l2_a", "status": "phase_loss"}, ["Gone: current_l2_a"], ["缺相：current_l2_a"]),
    ],
)
def test_what_a_rule_found_besides_is_told_in_words(
    told: dict[str, Any], lines: list[str], chinese: list[str]
) -> None:
    said = body() | {"facts": told}

    for language, wanted in (("en", lines), ("zh", chinese)):
        found = render("raise", language, said).text.splitlines()
        assert found[4 : 4 + len(wanted) + 1][1:] == wanted
        assert len(found) == len(render("raise", language, body()).text.splitlines()) + len(wanted)
        assert set(wanted) <= set(render("severity", language, said).text.splitlines())


def test_a_value_about_a_device_has_the_unit_that_its_rule_says() -> None:
    raised = body(source_key="main-electricity", facts={"unit": "%"}, value=15.0, limit=10.0)

    assert "Value: 15 % (limit 10 %)" in render("raise", "en", raised).text


@pytest.mark.parametrize("kind", ["state", "event", "offline", "stale"])
def test_rules_about_no_quantity_show_no_value(kind: str) -> None:
    text = render("raise", "en", body(rule=rule(kind), value=1.0)).text

    assert "Value" not in text
    assert "Voltage" not in text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0 V"),
        (-0.0001, "-0.0001 V"),
        (1234567.89, "1,234,568 V"),
        (1944.897, "1,944.9 V"),
        (10423.0, "10,423 V"),
        (207.0, "207 V"),
        (1e-9, "0 V"),
    ],
)
def test_numbers_read_like_numbers(value: float, shown: str) -> None:
    assert f"Voltage L1: {shown} (" in render("raise", "en", body(value=value)).text


def test_a_title_holds_no_line_breaks_whatever_came_in() -> None:
    hostile = body(reason="done\r\nBcc: all@example.org\x00", by="x" * 5000)
    hostile["device"] = {"id": "d", "name": "a\r\nSubject: b" + "c" * 500}

    message = render("acknowledged", "en", hostile)

    assert len(message.title) <= 150
    assert all(character.isprintable() for character in message.title)
    assert "Remark: done Bcc: all@example.org" in message.text
    assert len(message.text) < 5000


def test_values_are_never_templates() -> None:
    assert "{{ 7 * 7 }}" in render("acknowledged", "en", body(reason="{{ 7 * 7 }}")).text


def test_late_data_is_called_late() -> None:
    assert "reported this late" in render("raise", "en", body(late=True)).text


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("en", "And 9999 more of the same since Sun 22 Nov, 20:15, at far-door, yard-door"),
        ("zh", "自 11月22日 周日 20:15 起另有 9999 条相同报警，设备：far-door、yard-door"),
    ],
)
def test_a_message_out_of_a_backlog_says_for_how_many_it_speaks(language: str, line: str) -> None:
    backlog = {"more": 9999, "first": NOW - 60 * MINUTE, "devices": ["far-door", "yard-door"]}
    alone = {**backlog, "more": 0}

    assert line in render("raise", language, {**body(late=True), "backlog": backlog}).text.splitlines()
    assert render("raise", language, {**body(late=True), "backlog": alone}) == render(
        "raise", language, body(late=True)
    )


def test_an_unknown_language_is_english() -> None:
    assert render("raise", "xx", body()) == render("raise", "en", body())


def test_every_kind_has_its_template() -> None:
    folder = Path(monitor.notify.messages.__file__).parent / "templates"

    assert {path.stem for path in folder.glob("[a-z]*.j2")} == {*KINDS, "page", "short"}


def test_the_words_of_stock_rules_are_told_in_the_readers_language_and_those_of_the_site_as_they_are() -> None:
    stock = Params(
        response="Stop three-phase motors on this circuit, then look at its fuses and at the main switch.",
        cause="Our own words.",
        consequence="Three-phase motors burn out within minutes, and half of the house is dark.",
    )
    lost = replace(rule(), name="Phase lost", params=stock)
    message = render("raise", "zh", body(rule=lost))

    assert message.title == "【高】缺相：Main meter"
    assert message.text.splitlines()[-4:-1] == [
        "处理办法：停止该回路上的三相电机，然后检查熔断器和总开关。",
        "常见原因：Our own words.",
        "如不处理：三相电机几分钟内就会烧毁，半栋楼停电。",
    ]
    assert render("raise", "en", body(rule=lost)).title == "[HIGH] Phase lost: Main meter"


def test_a_message_about_no_alarm_needs_the_site_only() -> None:
    told = {"site": {"name": "Maple Court", "timezone": "UTC"}, "severity": "low", "time": NOW, "channel": "mail"}
    message = render("self_test", "en", told)

    assert message.title == "[TEST] Messages from Maple Court reach you"
    assert "Channel: mail" in message.text.splitlines()
    assert message.short == "TEST Messages from Maple Court reach you"


def test_alarms_of_a_digest_may_be_named_by_their_names_alone() -> None:
    one = {
        "severity": "low",
        "kind": "raise",
        "rule": "A room is damp",
        "device": "Cellar",
        "since": NOW,
        "cleared": None,
    }
    told = {"why": "quiet", "count": 1, "more": 0, "alarms": [one]}

    assert "- [LOW] A room is damp: Cellar; since" in render("gathered", "en", {**body(), "gathered": told}).text
    assert "- 【低】房间潮湿：Cellar；" in render("gathered", "zh", {**body(), "gathered": told}).text
