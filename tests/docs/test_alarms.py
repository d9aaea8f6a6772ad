"""docs/alarm-meanings.md says what the stock rules say."""

from pathlib import Path

import config
from tests.docs.alarmpage import page

DOCS = Path(config.__file__).parents[1] / "docs"


def test_the_page_of_alarms_is_what_the_stock_rules_say() -> None:
    assert (DOCS / "alarm-meanings.md").read_text(encoding="utf-8") == page(), (
        "python -m tests.docs.alarmpage > docs/alarm-meanings.md"
    )


def test_every_file_of_stock_rules_is_on_it_and_taken_by_the_technician() -> None:
    names = {path.stem for path in (Path(config.__file__).parent / "rules").glob("*.yaml")}
    technician = (DOCS / "technician.md").read_text(encoding="utf-8")

    assert {name for name in names if f"`- stock: {name}`" not in page()} == set()
    assert {name for name in names if f"`{name}`" not in technician} == set()
