"""`demo`: what is told before it begins; what it shows is tested end to end."""

from pathlib import Path

from tests.cli.running import aside, command


async def test_a_report_that_cannot_be_written_is_told_before_the_demo(tmp_path: Path) -> None:
    report = tmp_path / "none" / "report.json"
    ran = await command("demo", "--state", tmp_path / "demo", "--for", "1s", "--report", report)

    assert (ran.code, ran.out) == (78, "")
    assert ran.err == f"{report} cannot be written: No such file or directory\n"


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = await aside("demo", "--state", tmp_path / "file" / "demo")

    assert (ran.code, ran.out) == (78, "")
    assert "cannot be used: Not a directory" in ran.err
    assert "Traceback" not in ran.err


async def test_a_report_needs_an_end(tmp_path: Path) -> None:
    ran = await aside("demo", "--state", tmp_path / "demo", "--report", tmp_path / "report.json")

    assert ran.code == 2
    assert "add --for" in ran.err
