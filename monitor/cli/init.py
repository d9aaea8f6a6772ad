"""`init`: a few questions, and a site file that passes `check`."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.output import print_line
from monitor.cli.places import SITE_FILE
from monitor.errors import RequestRefused, SettingsError
from monitor.wording import Sentence

if TYPE_CHECKING:
    from monitor.cli.answers import Answers, Profiles
    from monitor.cli.newsite import Draft

__all__ = ["add_to"]

_STDIN = Path("/dev/stdin")
_SYSTEMD = Path("/run/systemd/system")


def add_to(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(init)


def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The site file to write.")] = SITE_FILE,
    answers: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Take the answers from a YAML file. They are also taken from standard input, when it is a pipe.",
            show_default=False,
        ),
    ] = None,
    start: Annotated[
        bool, typer.Option("--start", help="Then start the service, now and at every start of the machine.")
    ] = False,
) -> None:
    """Write a site file from a few answers. It overwrites nothing but the untouched sample."""
    from monitor.cli.answers import Profiles
    from monitor.cli.newsite import drafted
    from monitor.cli.placing import place_site, refuse_if_taken
    from monitor.settings import SettingsInvalid

    if start and file != SITE_FILE:
        raise typer.BadParameter(f"the service reads {SITE_FILE}, not {file}", param_hint="--start")
    refuse_if_taken(file)
    profiles = Profiles(file.parent)
    asks = answers is None and sys.stdin.isatty()
    given = _asked(file, profiles) if asks else _read(answers or _STDIN, profiles)
    try:
        draft = drafted(given, profiles)
    except SettingsInvalid as invalid:
        told = (f"{finding.path}: {finding.message}" for finding in invalid.findings)
        raise SettingsError("these answers make no site:\n" + "\n".join(told)) from invalid
    place_site(file, draft.text)
    print_line(f"Written: {file}")
    _secrets(file.parent / "secrets", draft, asks=asks)
    _begin(file, start=start, asks=asks)


def _asked(file: Path, profiles: "Profiles") -> "Answers":
    from monitor.cli.questions import ask

    print_line(f"A few questions, then {file} is written. Ctrl-C ends this, and nothing is written.")
    return ask(profiles)


def _read(source: Path, profiles: "Profiles") -> "Answers":
    """Take answers from a file; raises SettingsError with every mistake and its line."""
    from monitor.cli.answers import Answers, mistakes
    from monitor.documents.explain import validate
    from monitor.documents.files import Files
    from monitor.documents.finding import Findings
    from monitor.documents.node import join

    findings = Findings()
    folder = Path() if source == _STDIN else source.parent
    root = Files(findings, folder=folder, environ=os.environ, credentials=None).read(source)
    given = None if root is None else validate(Answers, root, "", findings)
    if root is not None and given is not None:
        for mistake in mistakes(given, profiles):
            place, taken = root.down(mistake.path)
            findings.error(place, join("", *taken), mistake.message, hint=mistake.hint)
    told = findings.errors + findings.warnings_that_refuse
    if given is None or told:
        raise SettingsError("\n".join(map(str, told)) or f"{source} has no answers")
    return given


def _secrets(folder: Path, draft: "Draft", *, asks: bool) -> None:
    """Write the secrets that are known, when that is wished, and say where the others go."""
    from monitor.cli.placing import place_secrets

    known = {name: secret for name, secret in draft.secrets.items() if secret}
    question = f"Write {', '.join(known)} into {folder}, readable by its owner alone?"
    if known and (not asks or typer.confirm(question, default=True)):
        kept = place_secrets(folder, known)
        for name in known:
            print_line(f"{'Kept as it was' if name in kept else 'Written'}: {folder / name}")
    else:
        known = {}
    for name in draft.secrets.keys() - known.keys():
        print_line(f"Missing: the secret `{name}`. Type it, then Ctrl-D, after:")
        print_line(f"  install -D -m 600 /dev/stdin {folder / name}")


def _begin(file: Path, *, start: bool, asks: bool) -> None:
    """Start the service where that is wished and can be; else say the next command."""
    if file != SITE_FILE:
        print_line(f"Next: facility-monitor check {file}, then facility-monitor run {file} --state FOLDER")
        return
    if not _SYSTEMD.is_dir():
        if start:
            raise RequestRefused(Sentence("systemd does not run here, so the service cannot be started"))
        print_line("Next: facility-monitor run")
        return
    if start or (
        asks and typer.confirm("Start the service, now and at every start of this machine?", default=True)
    ):
        _start()
    else:
        print_line("Next: systemctl enable --now facility-monitor")


def _start() -> None:
    import subprocess

    command = ["systemctl", "enable", "--now", "facility-monitor.service"]
    if subprocess.run(command, check=False).returncode != 0:  # noqa: S603 - the words are ours
        raise RequestRefused(
            Sentence("the service did not start; it says why: journalctl -u facility-monitor -n 20")
        )
    print_line("The service runs. facility-monitor status tells how it does.")
