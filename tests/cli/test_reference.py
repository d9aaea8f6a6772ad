"""docs/commands.md, and what the command line costs before it does anything."""

import subprocess
import sys
from pathlib import Path

from monitor.cli.reference import reference

DOCS = Path(__file__).parents[2] / "docs"


def test_the_reference_is_that_of_the_commands() -> None:
    written = (DOCS / "commands.md").read_text()

    assert written == reference(), "run: python -m monitor.cli.reference > docs/commands.md"


def test_help_imports_nothing_heavy() -> None:
    heavy = {"fastapi", "apprise", "pydantic", "httpx", "uvicorn", "pymodbus", "pint", "apscheduler", "rich.table"}
    code = f"import sys; from monitor.cli.commands import app; print(sorted({heavy!r} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == "[]"
