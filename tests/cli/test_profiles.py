"""`profiles`: as a user runs it."""

from pathlib import Path

import pytest

from tests.cli.running import aside, command

ABB = ("profiles", "decode", "abb-b23", "--function", "3", "--address")


async def test_the_list_for_programs_has_what_each_model_is() -> None:
    listed = (await command("profiles", "list", "--json")).json
    sdm = next(row for row in listed if row["id"] == "eastron-sdm630")

    assert {"id", "class", "maker", "model", "transports", "experimental"} <= sdm.keys()
    assert (sdm["class"], sdm["maker"], sdm["transports"], sdm["experimental"]) == (
        "electricity",
        "Eastron",
        ["modbus"],
        False,
    )


async def test_the_list_can_be_narrowed_to_words_and_a_class() -> None:
    by_word = await aside("profiles", "list", "wmbus", "elster")
    by_class = (await aside("profiles", "list", "--class", "safety", "--json")).json
    wrong = await aside("profiles", "list", "--class", "watr")

    assert "elster-wmbus" in by_word.out
    assert "1 profile" in by_word.out
    assert {row["class"] for row in by_class} == {"safety"}
    assert wrong.code == 2
    assert "electricity" in wrong.err


async def test_words_of_a_manual_become_values() -> None:
    rows = (await aside(*ABB, "20480", "--words", "0000 0000 000D 1290", "--json")).json

    assert rows == [{"point": "energy_import_kwh", "value": 8567.2, "unit": "kWh", "missing": None}]


async def test_a_value_that_is_not_there_says_why() -> None:
    rows = (await aside(*ABB, "20480", "--words", "FFFF FFFF FFFF FFFF 0000", "--json")).json

    assert [(row["point"], row["value"], row["missing"]) for row in rows] == [
        ("energy_import_kwh", None, "sentinel"),
        ("energy_export_kwh", None, "only a part of holding 20484 to 20487 is given"),
    ]


async def test_a_value_without_its_scale_register_says_so() -> None:
    words = ["5375 6E53", "0001 0042", "0000 " * 66, "00C9 0069", "0000 " * 16, "0064"]
    whole = await aside("profiles", "decode", "sunspec-meter", "--address", "40000", "--words", " ".join(words))

    assert "missing: it is scaled by holding" in whole.out


async def test_a_copied_message_becomes_values_and_shows_no_credential() -> None:
    message = (
        '{"type":"access","time":1605991375,"isKnown":"true","access":"Always","username":"U","uid":"5a3fb1c2"}'
    )
    reader = await aside("profiles", "decode", "esp-rfid", "--payload", message)
    gas = await aside("profiles", "decode", "elster-wmbus", "--payload", '{"total_m3": 3223.47}', "--json")

    assert "result granted" in reader.out
    assert "5a3fb1c2" not in reader.out
    assert gas.json == [{"point": "volume_m3", "value": 3223.47, "unit": "m3", "missing": None}]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("profiles", "show", "eastron-sdm360"), 1, "did you mean `eastron-sdm630`"),
        (("profiles", "decode", "abb-b23"), 2, "give --address and --words, or --payload"),
        ((*ABB, "1", "--words", "00000 1"), 2, "one to four hexadecimal digits"),
        ((*ABB, "70000", "--words", "1"), 2, "from 0 to 65535"),
        (
            ("profiles", "decode", "abb-b23", "--function", "6", "--address", "1", "--words", "1"),
            1,
            "reads nothing",
        ),
        (("profiles", "decode", "abb-b23", "--payload", "1"), 1, "read over modbus, not over mqtt"),
        (("profiles", "decode", "elster-wmbus", "--address", "1", "--words", "1"), 1, "read over mqtt"),
        (("profiles", "show", "abb-b23", "--variant", "x"), 1, "has no variant `x`"),
    ],
)
async def test_what_cannot_be_is_told(words: tuple[str, ...], code: int, told: str) -> None:
    ran = await aside(*words)

    assert ran.code == code
    assert told in " ".join(ran.err.replace("│", " ").split())


async def test_a_profile_of_ones_own_is_shown_and_its_mistakes_are_told(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    mine = tmp_path / "profiles" / "mine.yaml"
    mine.write_text(
        "class: water\nmodel: W-1\nnotes: Turn it on.\nchoose: true\nmodbus: {order: CDAB}\n"
        "points: {volume_m3: {register: input 4, type: uint32, scale: 0.1, unit: L, valid: [0, 1e6]}}\n"
        "variants: {new: {model: W-2, experimental: Is it so?}}\n"
    )
    site = ("--site", tmp_path / "site.yaml")
    shown = await aside("profiles", "show", "mine", *site)
    as_json = (await aside("profiles", "show", "mine", *site, "--json")).json
    undecided = await aside("profiles", "decode", "mine", "--address", "4", "--words", "1 2", *site)
    decoded = await aside(
        "profiles",
        "decode",
        "mine",
        "--variant",
        "new",
        "--function",
        "4",
        "--address",
        "4",
        "--words",
        "1 2",
        *site,
    )
    mine.write_text("class: watr\nmodbus: {}\n")
    wrong = await aside("profiles", "show", "mine", *site)

    assert "note: Turn it on." in shown.out
    assert "uint32, L, scale 0.1" in shown.out
    assert as_json["points"]["modbus"][0]["where"] == "input 4"
    assert as_json["doubts"] == ["Is it so?"]
    assert "say which `mine` it is with --variant: new: W-2" in undecided.err
    assert "13.1073 m³" in decoded.out
    assert wrong.code == 78
    assert "no such class" in wrong.err
