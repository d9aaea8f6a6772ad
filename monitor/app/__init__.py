"""Where the daemon is put together: the only package that names concrete classes.

Its parts are not imported here: a command that only loads a site would start half a second later on a small box.
"""

from monitor.app.loading import budgets_of, examine_influx, influxdbs_of, load_site, prepare_influx

__all__ = ["budgets_of", "examine_influx", "influxdbs_of", "load_site", "prepare_influx"]
