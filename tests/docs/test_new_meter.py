"""The page on a new meter, followed to the letter: its files written, its commands run and compared."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "new-meter.md").read_text("utf-8")
_BLOCK = re.compile(
    r"<!-- (?:file: (?P<file>\S+)|(?P<run>run)) -->\n(?:<!-- check: \w+ -->\n)?```\w+\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


def _run(line: str, folder: Path) -> str:
    words = shlex.split(line)
    if words[0] == "facility-monitor":
        words = [sys.executable, "-m", "monitor", *words[1:]]
    return subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[str, str, str]]]:
    """The folder as it is when the page has been followed, and (command, promised, printed) of each command."""
    folder = tmp_path_factory.mktemp("new-meter")
    ran = []
    for block in _BLOCK.finditer(PAGE):
        if block["file"]:
            file = folder / block["file"]
            if file.suffix == ".json":  # in the tree, which this folder is not; others are made by the page
                file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block["text"], "utf-8")
            continue
        for part in re.split(r"^\$ ", block["text"], flags=re.MULTILINE)[1:]:
            command, _, promised = part.partition("\n")
            ran.append((command, promised, _run(command, folder)))
    return folder, ran


def test_each_command_prints_what_the_page_shows(followed: tuple[Path, list[tuple[str, str, str]]]) -> None:
    _, ran = followed

    assert len(ran) == len(re.findall(r"^\$ ", PAGE, re.MULTILINE)) == 3
    for command, promised, printed in ran:
        assert printed.splitlines() == promised.splitlines(), command


def test_the_case_of_the_page_is_what_the_profile_makes_of_it(
    followed: tuple[Path, list[tuple[str, str, str]]],
) -> None:
    folder, _ = followed
    case = folder / "tests" / "devices" / "dds238" / "manual"
    words = json.loads((case / "registers.json").read_text())["holding"]["8"]
    expected = json.loads((case / "expected.json").read_text())

    line = (
        f"facility-monitor profiles decode dds238 --site site.yaml --address 8 --words '{' '.join(words)}' --json"
    )
    rows = json.loads(_run(line, folder))

    assert {row["point"]: row["value"] for row in rows} == pytest.approx(expected["values"])
