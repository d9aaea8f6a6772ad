"""What pages say of reasons: known ones in the language of who reads, the rest as it is."""
# ruff: noqa: RUF001 - Chinese has punctuation of its own

import ast
import re
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from monitor.duty import Layer, Override, Roster, on_call
from monitor.notify.languages import words_of
from monitor.web.console.reasons import REASONS, known_reason
from monitor.wording import PLACE, fill

CODE = Path(__file__).parents[3] / "monitor"
NOW = 1_795_378_523_000
CHINESE = words_of("zh").ugettext


def literals() -> str:
    """All texts of those who give reasons; what is put together is together."""
    found = []
    for path in (CODE / "duty.py", *(CODE / "notify").glob("*.py")):
        tree = ast.walk(ast.parse(path.read_text("utf-8")))
        found += [str(each.value) for each in tree if isinstance(each, ast.Constant)]
    return "\n".join(found)


@pytest.mark.parametrize("template", REASONS)
def test_each_reason_is_said_in_chinese_with_its_facts(template: str) -> None:
    facts = {name: f"F{number}x" for number, name in enumerate(PLACE.findall(template))}
    if "reason" in facts:
        facts["reason"] = "was told of the alarm"
    told = fill(template, facts)
    words, is_ours = known_reason(told, CHINESE)

    assert is_ours
    assert re.search(r"[\u4e00-\u9fff]", words)
    assert not re.search(r"[a-z]{2}|\{", words)
    assert [fact for name, fact in facts.items() if name != "reason" and fact not in words] == []
    assert known_reason(told, str) == (told, True)


def test_each_reason_is_one_that_the_program_gives() -> None:
    said = literals()

    for template in REASONS:
        longest = max(PLACE.split(template)[::2], key=len)
        if not template.startswith(("{who}'s", "{who} stands")):  # these are put together: below
            assert longest.rstrip(")") in said, template


def test_a_reason_with_several_endings_is_said_as_a_whole_or_not_at_all() -> None:
    told = "li's turn (nights); ana is away; told again (2)"

    assert known_reason(told, CHINESE) == ("轮到 li 值班（nights）；ana 不在岗；重复通知（第 2 次）", True)
    assert known_reason("because; told again (2)", CHINESE) == ("because; told again (2)", False)


def test_why_somebody_is_on_call_is_known() -> None:
    layers = (
        Layer(people=("ana", "li"), begins=date(2026, 11, 16)),
        Layer(people=("ben",), begins=date(2026, 11, 16)),
    )
    one, two = (Roster(id="duty", name="", layers=layers[:count]) for count in (1, 2))
    said = [
        Override(roster="duty", person="eve", starts=NOW, ends=NOW + 1, id="1", by=by, reason=reason)
        for by in ("", "Ana")
        for reason in ("", "ill")
    ]

    whys = [on_call(each, NOW, ZoneInfo("UTC")).reason for each in (one, two)]
    whys += [on_call(one, NOW, ZoneInfo("UTC"), [each]).reason for each in said]

    assert [each for each in whys if not known_reason(each, CHINESE)[1]] == []
    assert known_reason(whys[-1], CHINESE)[0] == "eve 代班，由 Ana 安排：ill"


def test_what_is_not_known_stays_as_it_is_also_when_it_looks_like_a_pattern() -> None:
    assert known_reason("the gateway {x} says \\1", CHINESE) == ("the gateway {x} says \\1", False)
    assert known_reason("{who}%(x)s may be on call", CHINESE) == ("{who}%(x)s 可能当值", True)
    assert known_reason("", CHINESE) == ("", False)
