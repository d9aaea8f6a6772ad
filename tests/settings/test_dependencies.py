"""Which alarms explain those of a rule: what is written, what holds without it, and what is wrong."""

import pytest

from tests.settings.conftest import Load, Mistakes
from tests.settings.test_rules import DEVICES


def test_silence_depends_on_the_connection_and_the_supply(load_text: Load) -> None:
    rules = load_text(
        f"{DEVICES}  - {{id: gone, kind: offline}}\n  - {{id: dead, kind: segment}}\n"
        "  - {id: dark, kind: supply}\n"
        "  - {id: busy, kind: threshold, point: power_w, above: 1 kW}\n"
        "  - {id: own, kind: stale, depends_on: dead}\n  - {id: always, kind: offline, depends_on: []}\n"
    ).site.rules

    assert {name: rule.depends_on for name, rule in rules.items()} == {
        "gone": ("dead", "dark"),
        "dead": ("dark",),
        "dark": (),
        "busy": (),
        "own": ("dead",),
        "always": (),
    }


def test_what_is_only_tried_explains_no_alarm(load_text: Load) -> None:
    rules = load_text(
        f"{DEVICES}  - {{id: gone, kind: offline}}\n  - {{id: own, kind: stale, depends_on: dead}}\n"
        "  - {id: dead, kind: segment, shadow: true}\n"
    ).site.rules

    assert (rules["gone"].depends_on, rules["own"].depends_on) == ((), ())


def test_a_stock_rule_may_depend_on_one_that_is_not_there(load_text: Load) -> None:
    stock = load_text(
        f"{DEVICES}  - stock: supply\n  - {{id: building-supply-lost, kind: offline, enabled: false}}\n"
    )

    assert stock.site.rules["building-supply-partial"].depends_on == ()


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["{id: a, kind: offline, depends_on: ab}", "{id: abc, kind: segment}"], "there is no rule `ab`"),
        (["{id: a, kind: offline, depends_on: [a]}"], "a rule cannot depend on itself"),
        (["{id: a, kind: offline, depends_on: 'a*'}"], "`*` stands for nothing here"),
        (
            ["{id: a, kind: offline, depends_on: [b]}", "{id: b, kind: event, event: forced}"],
            "an alarm of the kind `event` is over at once: nothing hangs below `b`",
        ),
        (
            [
                "{id: a, kind: offline, depends_on: b}",
                "{id: b, kind: offline, depends_on: c}",
                "{id: c, kind: offline, depends_on: [a]}",
            ],
            "depend on each other, so that none would be told: `a` -> `b` -> `c` -> `a`",
        ),
    ],
)
def test_what_cannot_be_depended_on_is_told(mistakes: Mistakes, texts: list[str], message: str) -> None:
    (found,) = mistakes(DEVICES + "".join(f"  - {text}\n" for text in texts))

    assert message in str(found)
