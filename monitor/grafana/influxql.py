# ruff: noqa: S608 - queries are made of names of ours at build time; nothing a user says goes in
"""InfluxQL that 1.x, 2.x and 3.x all understand, from the names in `monitor.schema`.

What counters have counted is the sum of metering's deltas: never `spread()`, `last - first` or differences of a
register, by which a meter that was swapped would count what the new one showed.
"""

from monitor.schema import delta_name

__all__ = ["SITE", "last", "mean", "per_interval", "sum_of_last", "used", "used_per", "where"]

SITE = '"site" =~ /^${site:regex}$/ AND "building" =~ /^${building:regex}$/'
"""What the dashboard's variables choose. A device without a building matches `All` only."""


def where(*conditions: str) -> str:
    """The WHERE clause of the chosen sites, the chosen time and more conditions."""
    return " AND ".join(("WHERE $timeFilter", SITE, *conditions))


def last(measurement: str, point: str, *conditions: str, by: str = "device") -> str:
    """The newest value of each series."""
    return f'SELECT last("{point}") FROM "{measurement}" {where(*conditions)} GROUP BY "{by}"'


def mean(measurement: str, point: str, *conditions: str) -> str:
    """The mean per interval and device; holes stay holes."""
    grouped = 'GROUP BY time($__interval), "device" fill(null)'
    return f'SELECT mean("{point}") FROM "{measurement}" {where(*conditions)} {grouped}'


def per_interval(function: str, measurement: str, point: str, *conditions: str, by: str = "device") -> str:
    """A function per interval; empty intervals are left out."""
    grouped = f'GROUP BY time($__interval), "{by}" fill(none)'
    return f'SELECT {function}("{point}") FROM "{measurement}" {where(*conditions)} {grouped}'


def sum_of_last(measurement: str, point: str, *conditions: str) -> str:
    """The newest value of each device, added up."""
    inner = f'SELECT last("{point}") AS "newest" FROM "{measurement}" {where(*conditions)} GROUP BY "device"'
    return f'SELECT sum("newest") FROM ({inner}) WHERE $timeFilter'


def used(measurement: str, counter: str, *conditions: str) -> str:
    """What counters have counted in the chosen time, added up over devices."""
    return f'SELECT sum("{delta_name(counter)}") FROM "{measurement}" {where(*conditions)}'


def used_per(interval: str, measurement: str, counter: str, *conditions: str) -> str:
    """What counters have counted per interval and device."""
    grouped = f'GROUP BY time({interval}), "device" fill(none)'
    return f'SELECT sum("{delta_name(counter)}") AS "used" FROM "{measurement}" {where(*conditions)} {grouped}'
