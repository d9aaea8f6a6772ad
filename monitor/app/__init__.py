"""Where the daemon is put together: the only package that names concrete classes."""

from monitor.app.loading import budgets_of, examine_influx, influxdbs_of, load_site, prepare_influx
from monitor.app.parts import Parts, open_parts

__all__ = ["Parts", "budgets_of", "examine_influx", "influxdbs_of", "load_site", "open_parts", "prepare_influx"]
