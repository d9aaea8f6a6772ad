"""The reference of the commands, docs/commands.md: `python -m monitor.cli.reference > docs/commands.md`."""

import typer
from typer.cli import get_docs_for_click

from monitor.cli.output import print_line

__all__ = ["reference"]

_INTRODUCTION = """\
# Commands

Made from the commands' own help; do not edit. `facility-monitor COMMAND --help` says the same.

Commands that ask the daemon find it by `--socket`, then `--state`, then `/run/facility-monitor/api.sock`, then
the user's state folder (`$XDG_STATE_HOME/facility-monitor`, usually `~/.local/state/facility-monitor`). On the
service's socket you must be root or a member of the group `facility-monitor`.

With `--json` they print what [the API](api.md) answers. Exit codes: 0 fine, 1 failed (no daemon answers, no such
device, a request refused), 2 wrong usage, 78 wrong settings, 130 ended by Ctrl-C.

"""


def reference() -> str:
    """The whole page."""
    from monitor.cli.commands import app

    command = typer.main.get_command(app)
    context = typer.Context(command, info_name="facility-monitor")
    body = get_docs_for_click(obj=command, ctx=context, name="facility-monitor", indent=1)
    return _INTRODUCTION + body.rstrip() + "\n"


if __name__ == "__main__":
    print_line(reference().rstrip())
