"""The commands and their options: each group is a module that adds its own."""

import typer

from monitor.cli import (
    access,
    alarms,
    daemon,
    deadletters,
    demo,
    devices,
    equipment,
    export,
    grafana,
    identify,
    influx,
    init,
    labels,
    listen,
    maintenance,
    meter,
    notify,
    profiles,
    read,
    reload,
    reports,
    residents,
    rules,
    scan,
    users,
    watch,
)

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Watches over a building's meters, doors and equipment.",
)


@app.callback()
def _root() -> None:
    """Watches over a building's meters, doors and equipment."""


daemon.add_to(app)
init.add_to(app)
reload.add_to(app)
demo.add_to(app)
devices.add_to(app)
profiles.add_to(app)
listen.add_to(app)
alarms.add_to(app)
maintenance.add_to(app)
users.add_to(app)
labels.add_to(app)
residents.add_to(app)
notify.add_to(app)
meter.add_to(app)
rules.add_to(app)
access.add_to(app)
equipment.add_to(app)
scan.add_to(app)
identify.add_to(app)
read.add_to(app)
watch.add_to(app)
deadletters.add_to(app)
influx.add_to(app)
grafana.add_to(app)
reports.add_to(app)
export.add_to(app)
