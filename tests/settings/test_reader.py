from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers import DRIVERS
from monitor.documents.files import Files
from monitor.documents.finding import Findings
from monitor.documents.node import Node
from monitor.documents.reader import parse, resolve_scalar
from monitor.settings import SettingsInvalid, load
from monitor.settings.tables import resolve
from rules.kinds import RULES
from tests.examples import examples


def _read(text: str | bytes) -> tuple[Node | None, Findings]:
    findings = Findings()
    files = Files(findings, folder=Path("nowhere"), environ={}, credentials=None)
    content = text if isinstance(text, bytes) else text.encode()
    return parse(
        content, "f.yaml", findings, lambda node, key: files._resolve(node, key, Path("nowhere"))
    ), findings


def _messages(text: str | bytes) -> list[str]:
    return [str(finding) for finding in _read(text)[1].errors]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("22:00", "22:00"),
        ("2026-11-22", "2026-11-22"),
        ("0102", "0102"),
        ("-07", "-07"),
        ("0", 0),
        ("-12", -12),
        ("+3", 3),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("1e8", 1e8),
        (".5", 0.5),
        ("2.", 2.0),
        ("-1.5e-3", -0.0015),
        ("1.2.3", "1.2.3"),
        (".nan", ".nan"),
        (".inf", ".inf"),
        ("1e999", "1e999"),
        ("9" * 5000, "9" * 5000),
        ("-", "-"),
        (".", "."),
        ("+e5", "+e5"),
    ],
)
def test_only_true_false_null_and_numbers_are_not_text(text: str, value: object) -> None:
    resolved = resolve_scalar(text)

    assert resolved == value
    assert type(resolved) is type(value)


def test_quotes_make_text() -> None:
    node, findings = _read("{a: 'true', b: \"1\", c: !!str 5}")

    assert node is not None
    assert node.plain() == {"a": "true", "b": "1", "c": "5"}
    assert not findings.errors


def test_a_key_given_twice_names_both_lines() -> None:
    assert _messages("a: 1\nb: 2\na: 3\n") == ["f.yaml:3:1: a: `a` is given twice: here and in line 1"]


def test_a_key_given_twice_deep_inside_has_its_path() -> None:
    (message,) = _messages("devices:\n  - {id: a}\n  - {id: b, points: {x: 1, x: 2}}\n")

    assert message.startswith("f.yaml:3:28: devices[1].points.x: ")


def test_a_syntax_error_has_its_line() -> None:
    (message,) = _messages("site:\n  id: [a, b\nrules: 3\n")

    assert message.startswith("f.yaml:3:")


def test_a_tab_is_named_as_what_it_is() -> None:
    (message,) = _messages("site:\n\tid: a\n")

    assert message.startswith("f.yaml:2:")
    assert "tab" in message


def test_an_unquoted_percent_sign_asks_for_quotes() -> None:
    (message,) = _messages("unit: %\n")

    assert "quotes" in message


def test_a_tag_that_means_nothing_is_told() -> None:
    (message,) = _messages("a: !!python/object:os.system x\n")

    assert "means nothing here" in message
    assert "!env" in message


def test_anchors_and_aliases_repeat_a_value() -> None:
    node, findings = _read("a: &one {x: 1}\nb: *one\n")

    assert node is not None
    assert node.plain() == {"a": {"x": 1}, "b": {"x": 1}}
    assert not findings.errors


@pytest.mark.fault(
    "hostile bytes",
    part="settings",
    outcome="A file that would unfold without end is refused.",
)
def test_an_alias_bomb_is_refused() -> None:
    lines = ["a0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]

    assert "more than" in _messages("\n".join(lines))[0]


def test_an_alias_of_itself_or_of_nothing_is_told() -> None:
    assert "not named" in _messages("a: &a [*a]\n")[0]
    assert "not named" in _messages("a: *b\n")[0]


def test_a_file_nested_without_end_is_refused() -> None:
    assert "levels deep" in _messages("[" * 100_000)[0]


def test_two_documents_in_a_file_are_refused() -> None:
    assert "one document" in _messages("a: 1\n---\nb: 2\n")[0]


def test_bytes_that_are_not_text_are_refused_with_their_line() -> None:
    assert _messages(b"a: 1\nb: \xff\n")[0].startswith("f.yaml:2:")
    assert _messages(b"a: 1\nb: \x07\n")[0].startswith("f.yaml:2:")


ALPHABET = st.sampled_from([*"abi :-{}[]\n\t'\"!&*#%@|>0123x.,?~\\\u00e9\u2028", "site", "devices", "id: "])


@settings(max_examples=examples(120), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.one_of(st.text(), st.lists(ALPHABET, max_size=60).map("".join)))
def test_no_text_crashes_the_loader(tmp_path: Path, text: str) -> None:
    path = tmp_path / "site.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(SettingsInvalid) as caught:
        load(path, drivers=resolve(DRIVERS), rules=resolve(RULES), environ={})

    assert caught.value.findings


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8))
KEYS = st.sampled_from(
    [
        "id",
        "site",
        "connections",
        "devices",
        "rules",
        "kind",
        "modbus",
        "mqtt",
        "points",
        "level_m",
        "register",
        "profile",
        "notify",
        "people",
        "teams",
        "routes",
        "match",
        "channels",
        "every",
        "sinks",
        "journal",
    ]
)
VALUES = st.recursive(
    st.one_of(
        SCALARS, st.sampled_from(["threshold", "plant", "esp-rfid", "tcp", "10 s", "house", "state", "UTC"])
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=5)),
    max_leaves=30,
)


@settings(max_examples=examples(80), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sections=st.dictionaries(KEYS, VALUES, max_size=6))
def test_no_shape_of_a_document_crashes_the_loader(tmp_path: Path, sections: dict[str, object]) -> None:
    import yaml

    path = tmp_path / "site.yaml"
    path.write_text(yaml.safe_dump(sections, allow_unicode=True), encoding="utf-8")
    with pytest.raises(SettingsInvalid) as caught:
        load(path, drivers=resolve(DRIVERS), rules=resolve(RULES), environ={})

    assert caught.value.findings
