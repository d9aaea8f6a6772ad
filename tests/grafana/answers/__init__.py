"""What a dashboard shows, worked out as Grafana does it: queries of a real server, frames, transformations, texts.

Written after Grafana's sources (Apache-2.0 `@grafana/data`, and the built-in InfluxDB data source), and compared
with `@grafana/data` 13.2 by hand. Traps of Grafana are kept: an evaluator that is kinder would hide faults.
"""

from tests.grafana.answers.dashboards import Answer, Answers
from tests.grafana.answers.ranges import Range
from tests.grafana.answers.source import Source
from tests.grafana.answers.variables import ALL

__all__ = ["ALL", "Answer", "Answers", "Range", "Source"]
