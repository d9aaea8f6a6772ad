"""The command line: parses, calls, prints."""

__all__ = ["main"]


def main() -> None:
    """Run the command line; ends with its exit code."""
    from monitor.cli.commands import app

    app()
