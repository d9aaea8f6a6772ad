"""`python -m monitor.grafana [FOLDER]` writes the dashboards, by default where this project keeps them."""

import sys
from pathlib import Path

from monitor.grafana import dashboards

__all__ = ["main"]

_FOLDER = Path(__file__).parents[2] / "config" / "grafana" / "dashboards"


def main(folder: Path) -> None:
    """Write every dashboard as a file of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in dashboards().items():
        (folder / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else _FOLDER)
