"""The fault matrix is what the tests say, and a mark that cannot be drawn is refused."""

from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tests.faults import matrix
from tests.faults.matrix import page, shown


def test_the_matrix_is_what_the_tests_say() -> None:
    kept = (ROOT / "docs" / "faults.md").read_text("utf-8")

    assert kept == page(shown()), "draw it anew: .venv/bin/python -m tests.faults.matrix > docs/faults.md"


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ('"power cut", part="roof", outcome="It leaks."', "'roof' is none of"),
        ('"power cut", part="journal"', "with literals"),
        ('"power cut", part="journal", outcome=str(1)', "with literals"),
        ('"power cut", "journal", outcome="It is there."', "with literals"),
    ],
)
def test_a_mark_that_cannot_be_drawn_is_refused(
    mark: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matrix, "ROOT", tmp_path)
    (tmp_path / "test_it.py").write_text(f"@pytest.mark.fault({mark})\ndef test_it(): pass\n")

    with pytest.raises(ValueError, match=said) as refused:
        shown(tmp_path)
    assert "test_it.py::test_it" in str(refused.value)
