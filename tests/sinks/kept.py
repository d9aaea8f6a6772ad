"""What `influx setup` keeps, in memory in place of files."""

from collections.abc import Mapping

__all__ = ["Kept"]


class Kept:
    """The monitor's token, and what Grafana needs by variable."""

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        self.token = ""
        self.variables: Mapping[str, str] = variables or {}

    def check(self) -> None:
        """They can be written."""

    def keep_token(self, token: str) -> str:
        self.token = token
        return "secrets/influxdb"

    def grafana(self) -> Mapping[str, str]:
        return self.variables

    def keep_grafana(self, variables: Mapping[str, str]) -> str:
        self.variables = dict(variables)
        return "grafana.env"
