"""Has pictures drawn by another process: the library for it is large, and whoever asks must stay small."""

import json
import subprocess
import sys
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

import structlog

from monitor.reports.report import Chart

__all__ = ["draw"]

_log = structlog.get_logger()

_PATIENCE: Final = 60.0
_LARGEST: Final = 32_000_000


def draw(
    charts: Sequence[Chart], language: str, *, form: str = "svg", patience: float = _PATIENCE
) -> list[bytes | None]:
    """Draw charts as `svg` or `png`; None for each where drawing failed or took longer than `patience` seconds.

    Blocks until they are drawn.
    """
    if not charts:
        return []
    wish = json.dumps({"language": language, "form": form, "charts": [asdict(chart) for chart in charts]})
    try:
        done = subprocess.run(
            [sys.executable, "-Im", "monitor.reports.drawing"],
            input=wish.encode(),
            capture_output=True,
            timeout=patience,
            check=True,
        )
        drawn = [b64decode(picture) for picture in json.loads(done.stdout[:_LARGEST])]
    except subprocess.CalledProcessError as error:
        _log.warning("pictures_not_drawn", error=error.stderr.decode(errors="replace")[-500:])
        return [None] * len(charts)
    except (subprocess.TimeoutExpired, OSError, ValueError) as error:
        _log.warning("pictures_not_drawn", error=str(error)[:500])
        return [None] * len(charts)
    return list(drawn) if len(drawn) == len(charts) else [None] * len(charts)
