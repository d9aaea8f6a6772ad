"""The command line: parses, calls, prints."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monitor.errors import FacilityMonitorError

__all__ = ["main"]

_FAILED = 1
_SETTINGS = 78


def main() -> None:
    """Run the command line; ends with its exit code: 0 fine, 1 failed, 2 usage, 78 settings."""
    from monitor.cycles import look_seldom

    look_seldom()  # what is imported stays: searching it for garbage took a twelfth of the time of `check`
    from monitor.cli.commands import app
    from monitor.errors import FacilityMonitorError, SettingsError

    try:
        app()
    except (FacilityMonitorError, ExceptionGroup) as raised:
        error = _reason(raised)
        if error is None:
            raise
        is_settings = isinstance(error, SettingsError)
        print(error if is_settings else f"error: {error}", file=sys.stderr)  # noqa: T201 - a command line prints
        sys.exit(_SETTINGS if is_settings else _FAILED)


def _reason(raised: Exception) -> "FacilityMonitorError | None":
    """The error to tell, out of the groups that tasks put around it; None when there is one that is not ours."""
    from monitor.errors import FacilityMonitorError

    while isinstance(raised, ExceptionGroup) and raised.split(FacilityMonitorError)[1] is None:
        raised = raised.exceptions[0]
    return raised if isinstance(raised, FacilityMonitorError) else None
