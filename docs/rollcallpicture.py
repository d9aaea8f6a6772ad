"""Draws docs/rollcall.png: a roll call of a house that does not exist. Run by `make report-picture`."""

from pathlib import Path
from typing import Any

from docs.pagepicture import draw_page
from monitor.cli.rollcalls import html_of

WIDTH, HEIGHT = 760, 610
TARGET = Path(__file__).with_name("rollcall.png")
TIME = 1_795_786_516_000
_PEOPLE = ("Ana Lindgren", "Ben Bo", "Clara Schröder", "", "Eva Nowak", "Hassan Özdemir", "Li-Wei Wang")


def call() -> dict[str, Any]:
    """Eight people in a house and in its laboratory, one of them without a name, one without a card."""
    return {
        "site_name": "Lindenhof",
        "timezone": "Europe/Berlin",
        "language": "en",
        "time": TIME,
        "zones": [{"zone": "house", "name": "The house"}, {"zone": "lab", "name": "Laboratory"}],
        "present": [
            {
                "zone": "house" if number < 5 else "lab",  # noqa: PLR2004 - the last two are in the laboratory
                "name": name,
                "credential": "47eb55646f26eb8f6d4ddd59",
                "since": TIME - 1_234_000 * (number + 1),
                "reader": "front-door-reader" if number < 5 else "sluice-reader",  # noqa: PLR2004
            }
            for number, name in enumerate(_PEOPLE)
        ],
        "others": {"house": 1, "lab": 0},
    }


def main() -> None:
    """Let Chromium draw the page, as it would be printed."""
    draw_page(html_of(call()), TARGET, size=(WIDTH, HEIGHT), colours=24)


if __name__ == "__main__":
    main()
