"""What pages say of refusals: known sentences in the language of who reads, the rest as it is."""

import ast
import re
from pathlib import Path

import pytest
from monitor.web.console.refusals import SENTENCES, refusal

from monitor.notify.languages import words_of

CODE = Path(__file__).parents[3] / "monitor"


def literals() -> str:
    """All texts of the program but those that are looked up here; what is put together is together."""
    found = []
    for path in CODE.rglob("*.py"):
        if path.name != "refusals.py":
            tree = ast.walk(ast.parse(path.read_text("utf-8")))
            found += [str(each.value) for each in tree if isinstance(each, ast.Constant)]
    return "\n".join(found)


@pytest.mark.parametrize("sentence", SENTENCES)
def test_each_sentence_is_said_in_chinese_with_its_facts(sentence: str) -> None:
    facts = {name: f"F{number}x" for number, name in enumerate(re.findall(r"\{(\w+)\}", sentence))}
    told = sentence.format(**facts)
    words, is_ours = refusal(told, words_of("zh").ugettext)

    assert is_ours
    assert re.search(r"[\u4e00-\u9fff]", words)
    assert "{" not in words
    assert [fact for fact in facts.values() if fact not in words] == []
    assert refusal(told, words_of("en").ugettext) == (told, True)


def test_each_sentence_is_one_that_the_program_says() -> None:
    said = literals()

    for sentence in SENTENCES:
        longest = max(re.split(r"\{\w+\}", sentence), key=len)
        assert longest[:20] in said, sentence  # its end may be put behind it


def test_what_is_not_known_stays_as_it_is_also_when_it_looks_like_a_pattern() -> None:
    say = words_of("zh").ugettext

    assert refusal("the gateway {x} says \\1", say) == ("the gateway {x} says \\1", False)
    assert refusal("there is no alarm {who}%(x)s", say) == ("没有报警 {who}%(x)s", True)
    assert refusal("", say) == ("", False)
