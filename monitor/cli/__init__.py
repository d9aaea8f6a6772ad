"""The command line: parses, calls, prints."""

import sys

__all__ = ["main"]

_FAILED = 1
_SETTINGS = 78


def main() -> None:
    """Run the command line; ends with its exit code: 0 fine, 1 failed, 2 usage, 78 settings."""
    from monitor.cli.commands import app
    from monitor.errors import FacilityMonitorError, SettingsError

    try:
        app()
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command line prints
        sys.exit(_SETTINGS)
    except FacilityMonitorError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(_FAILED)
