"""Files of tapes: what they may hold, what is wrong in them, and what does not come out as it should."""

from pathlib import Path
from textwrap import dedent
from xml.etree import ElementTree as ET

import pytest

from drivers import DRIVERS
from monitor.app import load_site
from monitor.notify.routing import make_router
from monitor.settings.tables import resolve
from monitor.trials.junit import junit
from monitor.trials.suite import Suite, read_suite, suite_of
from rules.kinds import RULES
from tests.trials.site import SITE

_OTHERS = """\
the notifications are others (- expected, + found):
    @@ -1 +1 @@
    -25 s: raise low
    +20 s: raise low"""
LOW = "{id: low, kind: threshold, point: voltage_v, below: 207 V, on_delay: 20 s}"


def read(folder: Path, text: str, **more: object) -> Suite:
    path = folder / "tape.yaml"
    path.write_text(dedent(text), encoding="utf-8")
    return read_suite(path, drivers=resolve(DRIVERS), rules=resolve(RULES), **more)  # type: ignore[arg-type] # a site


def differences(suite: Suite) -> list[str]:
    assert [str(finding) for finding in suite.findings] == []
    return [one for tape in suite.tapes for one in tape.run().differences]


def test_a_case_that_comes_out_as_it_should_has_no_differences(tmp_path: Path) -> None:
    suite = read(
        tmp_path,
        f"""\
        - name: raises after the delay
          rules: [{LOW}]
          given: ["meter/voltage_v: 230x2 205x6 230 @10s"]
          expect:
            - {{at: 30 s, alarm: low, state: pending}}
            - {{at: 45 s, alarm: low/meter/voltage_v, state: active, value: 205, limit: 207, raised_at: 40 s}}
          expect_transitions:
            - "40 s: raised low/meter/voltage_v medium"
            - "80 s: cleared low/meter/voltage_v medium"
          expect_notifications: ["40 s: raise low", "80 s: clear low"]
        """,
    )

    assert differences(suite) == []


def test_each_difference_is_told_with_its_time(tmp_path: Path) -> None:
    suite = read(
        tmp_path,
        f"""\
        - name: wrong in all it says
          rules: [{LOW}]
          given: ["meter/voltage_v: 205x6 @10s"]
          expect:
            - {{at: 10 s, alarm: low, state: active}}
            - {{at: 50 s, alarm: low, severity: high, occurrences: 2}}
          expect_notifications: ["25 s: raise low"]
        """,
    )

    assert differences(suite) == [
        "at 10 s: low: state is 'pending', not 'active'",
        "at 50 s: low: severity is 'medium', not 'high'",
        "at 50 s: low: occurrences is 1, not 2",
        _OTHERS,
    ]


def test_rules_and_devices_of_the_head_are_for_all_cases(tmp_path: Path) -> None:
    suite = read(
        tmp_path,
        f"""\
        timezone: Europe/Berlin
        devices: {{meter: {{every: 5 s, building: A}}}}
        rules: [{LOW}]
        cases:
          - {{name: one, given: ["meter/voltage_v: 205x9 @5s"], expect: [{{at: 40 s, alarm: low, state: active}}]}}
          - {{name: two, given: ["meter/voltage_v: 230x9 @5s"], expect: [{{at: 40 s, alarm: low, state: clear}}]}}
        """,
    )

    assert len(suite.tapes) == 2
    assert differences(suite) == []


def test_a_restart_and_a_step_of_the_clock_change_nothing(tmp_path: Path) -> None:
    suite = read(
        tmp_path,
        f"""\
        - name: across both
          rules: [{LOW}]
          given: ["meter/voltage_v: 205x30 @10s"]
          restart_at: [{{at: 45 s, down: 30 s}}]
          clock_jump: [{{at: 95 s, by: +1 h}}, {{at: 125 s, by: -30 min}}]
          expect: [{{at: 200 s, alarm: low, state: active, occurrences: 1}}]
        """,
    )

    assert differences(suite) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- {name: x, given: ['meter 1 @1s']}", "write `DEVICE/POINT: VALUES @STEP`"),
        ("- {name: x, expekt: []}", "`expekt` is not a key here; did you mean `expect`?"),
        ("- {name: x, given: ['m/power_w: 1 @1s']}", "the case has no rules"),
        ("- {name: x, rules: [{id: a, kind: threshhold}]}", "did you mean `threshold`?"),
        (
            f"- {{name: x, rules: [{LOW.replace('207 V', '207 W')}], given: ['m/voltage_v: 1 @1s']}}",
            "does not measure the same",
        ),
        ("cases: {}", "write a list of cases"),
        ("[]", "the file has no cases"),
        ("timezone: Europe/Berln\ncases: [{name: x}]", "did you mean `Europe/Berlin`?"),
        ("- {name: x, start: yesterday}", "write a local time such as"),
        ("- {name: x, restart_at: [{at: soon}]}", "write a time such as"),
        (
            f"- {{name: x, rules: [{LOW}], rules_at: [{{at: 1 s, rules: [{{id: low, kind: rangge}}]}}]}}",
            "did you mean `range`?",
        ),
    ],
)
def test_what_is_wrong_is_told_at_its_place(tmp_path: Path, text: str, says: str) -> None:
    findings = read(tmp_path, text).findings

    assert any(says in str(finding) for finding in findings), [str(finding) for finding in findings]
    assert all(finding.file.endswith("tape.yaml") and finding.line for finding in findings)


def test_a_case_that_expects_nothing_does_not_pass(tmp_path: Path) -> None:
    suite = read(tmp_path, f"- {{name: idle, rules: [{LOW}], given: ['m/voltage_v: 1 @1s']}}")

    assert differences(suite) == ["it expects nothing: write `expect`, `expect_transitions` or the like"]


def test_a_slip_in_the_name_of_an_alarm_does_not_pass_as_clear(tmp_path: Path) -> None:
    suite = read(
        tmp_path,
        f"""\
        - name: slips
          rules: [{LOW}]
          given: ["meter/voltage_v: 230x3 @10s"]
          expect:
            - {{at: 10 s, alarm: lo, state: clear}}
            - {{at: 10 s, alarm: low/metre/voltage_v, state: clear}}
            - {{at: 10 s, alarm: low/meter, state: clear}}
        """,
    )

    assert differences(suite) == [
        "there is no alarm `lo`; did you mean `low`?",
        "there is no alarm `low/metre/voltage_v`; did you mean `low/meter/voltage_v`?",
    ]


def test_the_rules_of_a_site_are_played_with_its_devices_and_its_people(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(SITE, encoding="utf-8")
    site = load_site(path, {}).site
    text = """\
        - name: who is told, and who later
          given: ["main/voltage_l1_v: 205x20 @10s"]
          expect_notifications:
            - "120 s: raise undervoltage to ana by mail"
            - "120 s: raise undervoltage to ben by mail after 900 s"
        """
    suite = read(tmp_path, text, site=site, router=make_router(site))

    assert differences(suite) == []


def test_only_rules_of_its_own_can_be_edited_in_a_tape(tmp_path: Path) -> None:
    edited = f"rules_at: [{{at: 1 s, rules: [{LOW}]}}]"
    path = tmp_path / "site.yaml"
    test = "- name: a short dip is no alarm\n"
    path.write_text(SITE.replace(test, f"{test}        {edited}\n"), encoding="utf-8")
    site = load_site(path, {}).site

    found = [read(tmp_path, f"- {{name: x, {edited}}}", site=site), suite_of(site, None)]

    for suite in found:
        (finding,) = suite.findings
        assert "only a case with `rules` of its own can have others" in str(finding)
        assert suite.tapes == ()


def test_tests_stand_with_their_rule(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(SITE, encoding="utf-8")
    site = load_site(path, {}).site

    suite = suite_of(site, make_router(site))

    assert [tape.case.name for tape in suite.tapes] == ["undervoltage: a short dip is no alarm"]
    assert differences(suite) == []


def test_a_test_does_not_change_the_version_of_its_rule(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    versions = []
    for text in (SITE, SITE.replace("a short dip is no alarm", "a dip of twenty seconds is no alarm")):
        path.write_text(text, encoding="utf-8")
        versions.append(load_site(path, {}).site)

    assert versions[0].rules["undervoltage"].version == versions[1].rules["undervoltage"].version


def test_junit_tells_what_passed_what_failed_and_what_could_not_be_read(tmp_path: Path) -> None:
    good = read(
        tmp_path,
        f"""\
        - {{name: "right \\u0007", rules: [{LOW}], given: ["m/voltage_v: 230 @1s"],
           expect: [{{at: 1 s, alarm: low, state: clear}}]}}
        - {{name: wrong, rules: [{LOW}], given: ["m/voltage_v: 230 @1s"],
           expect: [{{at: 1 s, alarm: low, state: active}}]}}
        - {{name: broken, rules: [{LOW}], given: [nothing]}}
        """,
    )
    outcomes = [tape.run() for tape in good.tapes]

    root = ET.fromstring(junit([good], outcomes).split("\n", 1)[1])

    (suite,) = root
    assert suite.attrib | {"name": ""} == {"name": "", "tests": "3", "failures": "1", "errors": "1"}
    told = {case.get("name"): [each.tag for each in case] for case in suite}
    assert told == {"[2].given[0]": ["error"], "right \ufffd": [], "wrong": ["failure"]}
