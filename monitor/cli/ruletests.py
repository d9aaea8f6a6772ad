"""`rules test`: plays tapes against the rules of a site, and says what came of them."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.options import Json
from monitor.cli.output import clean, print_json, print_line
from monitor.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.notices import Router
    from monitor.site import Site
    from monitor.trials.suite import Outcome, Suite

__all__ = ["rules_test"]

_FOLDER = "tapes"


def rules_test(
    tapes: Annotated[
        list[Path] | None,
        typer.Argument(metavar="TAPE…", help="Files of tapes, or folders of them.", show_default=False),
    ] = None,
    site: Annotated[
        Path | None,
        typer.Option(
            "--site", metavar="FILE", help="The site whose rules and devices are tested.", show_default=False
        ),
    ] = None,
    junit: Annotated[
        Path | None,
        typer.Option("--junit", metavar="FILE", help="Write the results as JUnit XML too.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Test rules: play what devices say, in a moment instead of hours, and compare what comes of it.

    With --site, the tests that stand with its rules are played, and the tapes in the folder `tapes` beside it.
    """
    suites = _suites(tapes or [], site)
    outcomes = [tape.run() for suite in suites for tape in suite.tapes]
    if junit is not None:
        from monitor.trials.junit import junit as written

        junit.write_text(written(suites, outcomes), encoding="utf-8")
    if as_json:
        print_json([_json(one) for one in outcomes])
    else:
        _print(outcomes)
    findings = [finding for suite in suites for finding in suite.findings]
    for finding in findings:
        typer.echo(clean(str(finding)), err=True)
    if findings:
        raise typer.Exit(78)
    if not outcomes:
        raise SettingsError("there is nothing to test: name a file of tapes, or a site whose rules have `tests`")
    if any(one.differences for one in outcomes):
        raise typer.Exit(1)


def _suites(paths: "list[Path]", site: Path | None) -> "Sequence[Suite]":
    from drivers import DRIVERS
    from monitor.settings.tables import resolve
    from monitor.trials.suite import read_suite, suite_of
    from rules.kinds import RULES

    loaded, router = _loaded(site)
    found: list[Suite] = []
    if loaded is not None and site is not None:
        found.append(suite_of(loaded, router))
        beside = (site if site.is_dir() else site.parent) / _FOLDER
        paths = paths or ([beside] if beside.is_dir() else [])
    for path in paths:
        files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
        found += [
            read_suite(file, drivers=resolve(DRIVERS), rules=resolve(RULES), site=loaded, router=router)
            for file in files
        ]
    return found


def _loaded(site: Path | None) -> "tuple[Site | None, Router | None]":
    if site is None:
        return None, None
    from monitor.app import load_site
    from monitor.notify.routing import make_router

    loaded = load_site(site, os.environ).site
    return loaded, make_router(loaded)


def _json(one: "Outcome") -> dict[str, object]:
    tape = one.tape
    return {
        "file": tape.file,
        "line": tape.line,
        "name": tape.case.name,
        "passed": not one.differences,
        "differences": list(one.differences),
    }


def _print(outcomes: "Sequence[Outcome]") -> None:
    failed = [one for one in outcomes if one.differences]
    for one in failed:
        print_line(f"FAILED {one.tape.file}:{one.tape.line}: {clean(one.tape.case.name)}")
        for difference in one.differences:
            for line in difference.split("\n"):
                print_line(f"  {clean(line)}")
    if outcomes:
        print_line(f"{len(outcomes) - len(failed)} passed, {len(failed)} failed")
