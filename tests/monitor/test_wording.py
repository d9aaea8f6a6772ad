"""Sentences for people: filled in, translated with what stands in them, and all of them in the catalogues."""
# ruff: noqa: RUF001 - Chinese has punctuation of its own

import ast
import pickle
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from monitor.errors import RequestRefused, TooManyAsk
from monitor.notify.languages import words_of
from monitor.wording import PLACE, Sentence, either, fill, joined, verbatim

ROOT = Path(__file__).parents[2]
CHINESE = words_of("zh").ugettext

TERMINAL = ("monitor/cli/", "monitor/app/", "monitor/export/", "drivers/")
"""What only commands, brokers and buses say: terminals and the API speak English."""
BORROWED = {"drivers/modbus/byhand.py", "drivers/modbus/survey/values.py", "monitor/cli/daemonbus.py"} | {
    "monitor/cli/read.py", "monitor/metering/manual.py", "monitor/web/problems.py", "monitor/wording.py"
}  # fmt: skip
"""Where words of others, or words for programs alone, become a refusal as they are."""


@cache
def calls() -> tuple[tuple[str, ast.Call, str], ...]:
    """All calls of the program by file, with the name of what is called."""
    found = []
    for folder in ("monitor", "drivers", "rules"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            text = path.read_text("utf-8")
            if re.search(r"\b(Sentence|verbatim|NotKnown|NotDone)\(", text):
                found += [(str(path.relative_to(ROOT)), *each) for each in calls_in(text)]
    return tuple(found)


def calls_in(text: str) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            called = node.func
            name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
            yield node, str(name)


def fault(call: ast.Call) -> str:
    """What is wrong with a call of `Sentence`."""
    if (
        len(call.args) != 1
        or not isinstance(call.args[0], ast.Constant)
        or not isinstance(call.args[0].value, str)
    ):
        return "its template is no literal"
    template = call.args[0].value
    if not template.strip() or re.search(r"[{}]", PLACE.sub("", template)):
        return f"a place of {template!r} is no name, or there are no words"
    given = {each.arg for each in call.keywords}
    return "" if given == set(PLACE.findall(template)) else f"{template!r} has {given}"


def sentences() -> list[tuple[str, ast.Call]]:
    return [(path, call) for path, call, name in calls() if name == "Sentence"]


def test_every_sentence_is_a_literal_and_its_facts_fit() -> None:
    found = sentences()

    assert [f"{path}:{call.lineno}: {fault(call)}" for path, call in found if fault(call)] == []
    assert len(found) > 200


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ('Sentence("no {alarm}", alarm=x)', False),
        ('Sentence("it is {x} and {x}", x=x)', False),
        ('Sentence(f"no {alarm}")', True),
        ("Sentence(told)", True),
        ('Sentence("no {alarm}")', True),
        ('Sentence("no {alarm}", alarm=x, who=y)', True),
        ('Sentence("no {alarm}", **facts)', True),
        ('Sentence("no {0}")', True),
        ('Sentence("no {alarm:g}", alarm=x)', True),
        ('Sentence("")', True),
    ],
)
def test_a_sentence_that_does_not_fit_is_found(source: str, *, wrong: bool) -> None:
    ((call, _),) = calls_in(source)

    assert bool(fault(call)) is wrong


def test_every_sentence_that_pages_may_say_has_its_chinese() -> None:
    missing = []
    for path, call in sentences():
        template = ast.literal_eval(call.args[0])
        is_wordless = not re.search("[a-z]", PLACE.sub("", template))
        if (
            not path.startswith(TERMINAL)
            and not is_wordless
            and not re.search("[\u4e00-\u9fff]", CHINESE(template))
        ):
            missing.append(f"{path}:{call.lineno}: {template}")

    assert missing == [], "name the file in docs/catalogues/refusals.cfg, then `make messages`"


def test_no_refusal_goes_past_sentences() -> None:
    """Mypy lets a refusal be made of a sentence only; these are the ways around that."""
    borrowed = {path for path, _, name in calls() if name == "verbatim"}
    plain = [
        f"{path}:{call.lineno}"
        for path, call, name in calls()
        if name in {"NotKnown", "NotDone"}
        and path.startswith(("monitor/web/console/", "monitor/web/residents/"))
        and not (isinstance(call.args[0], ast.Call) and getattr(call.args[0].func, "id", "") == "Sentence")
    ]

    assert borrowed <= BORROWED
    assert plain == []


# What a sentence says -----------------------------------------------------------------------------------


def test_a_refusal_is_english_as_text_and_any_language_on_a_page() -> None:
    refused = RequestRefused(either(Sentence("there is no rule {name}", name="lo{w}"), "low"))

    assert str(refused) == "there is no rule lo{w}; did you mean low?"
    assert refused.said(CHINESE) == "没有规则 lo{w}；是否指 low？"
    assert refused.said(str) == str(refused)


def test_sentences_within_sentences_are_translated_and_names_are_not() -> None:
    lines = [Sentence("line {number}: {told}", number=3, told=Sentence("the credential is empty"))]
    told = joined([Sentence("no name was taken"), *lines, verbatim("low")])

    assert str(told) == "no name was taken; line 3: the credential is empty; low"
    assert told.said(CHINESE) == "未导入任何姓名；第 3 行：凭证为空；low"
    assert str(joined(lines * 2, lines=True)).count("\n") == 1


def test_nothing_that_a_fact_says_is_filled_in_again() -> None:
    told = Sentence("{one}; {other}", one="{other}", other="{one}")

    assert str(told) == "{other}; {one}"
    assert fill("{there} {not_there} %(x)s {}", {"there": "x"}) == "x {not_there} %(x)s {}"


def test_a_near_miss_that_nobody_knows_adds_nothing() -> None:
    told = Sentence("there is no rule {name}", name="x")

    assert either(told, "") is told


def test_a_refusal_keeps_its_facts_between_processes() -> None:
    refused = pickle.loads(pickle.dumps(TooManyAsk(Sentence("there is no rule {name}", name="x"))))

    assert (type(refused), refused.said(CHINESE)) == (TooManyAsk, "没有规则 x")
