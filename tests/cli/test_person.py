"""Names and erasures at the terminal: what is refused before anybody is asked, and what is said at the end."""

from pathlib import Path

import pytest

from monitor.cli.meterasking import Asking
from monitor.cli.person import _print_erasure
from monitor.web.accessshapes import ErasureOut
from tests.cli.running import aside

TOLD = {
    "id": "erasure-1",
    "asked": 1_795_392_000_000,
    "by": "ana",
    "reason": "moved out",
    "state": "done",
    "done": 1_795_392_002_000,
    "places": {"journal": 12, "influxdb": 3},
    "waits_for": "",
    "replaced_by": "erased",
}


@pytest.mark.parametrize(("left", "said"), [({}, "nothing is left"), ({"journal.db": 2}, "found 2 times")])
def test_what_was_found_at_the_end_is_said(
    left: dict[str, int], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Asking, "clock", lambda _self, _time: "12:00")
    asking = object.__new__(Asking)

    _print_erasure(asking, ErasureOut(**TOLD, found_after=left).model_dump())

    printed = capsys.readouterr().out
    assert said in printed
    assert all(file in printed for file in left)


async def test_a_table_that_is_not_utf_8_is_refused_before_names_are_spoilt(tmp_path: Path) -> None:
    table = tmp_path / "names.csv"
    table.write_bytes("credential;name\n7;Jörg Müller\n".encode("cp1252"))

    ran = await aside("access", "names", "import", table, "--socket", tmp_path / "none")

    assert ran.code == 2
    assert "UTF-8" in ran.err
    assert "rg M" not in ran.err


async def test_a_table_that_is_too_large_for_one_request_is_refused_with_what_to_do(tmp_path: Path) -> None:
    table = tmp_path / "names.csv"
    table.write_text("credential;name\n" + '7;"A"\n' * 9_900)

    ran = await aside("access", "names", "import", table, "--socket", tmp_path / "none")

    assert ran.code == 2
    assert "split it" in ran.err
