"""Names at the terminal: what is refused before anybody is asked."""

from pathlib import Path

from tests.cli.running import command


async def test_a_table_that_is_not_utf_8_is_refused_before_names_are_spoilt(tmp_path: Path) -> None:
    table = tmp_path / "names.csv"
    table.write_bytes("credential;name\n7;Jörg Müller\n".encode("cp1252"))

    ran = await command("access", "names", "import", table, "--socket", tmp_path / "none")

    assert ran.code == 2
    assert "UTF-8" in ran.err
    assert "rg M" not in ran.err
