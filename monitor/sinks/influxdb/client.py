"""One ready body to InfluxDB: influxdb-client as transport, for both of the ways in that servers have."""

import base64
import gzip
from typing import Any

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.rest import ApiException

from monitor.sinks.influxdb.errors import LIBRARY_ERRORS, classify
from monitor.sinks.loopback import is_on_loopback
from monitor.sinks.rejection import SinkMisconfigured
from monitor.site import InfluxSettings

__all__ = ["InfluxClient"]

_TIMEOUT_MS = (3_000, 15_000)
_TAKEN = 204


class InfluxClient:
    """Blocking; used by one thread at a time. Connects when it first writes.

    `api`: v2 is `/api/v2/write` with a token, v1 is `/write` with name and password. With auto the server is
    asked for its version, once, and again when it refuses: 1.x is spoken to as v1, everything else as v2.
    """

    def __init__(self, settings: InfluxSettings, *, compress: bool | None = None) -> None:
        self._settings = settings
        self._gzip = not is_on_loopback(settings.url) if compress is None else compress
        self._client: Any = None
        self.api: str | None = None if settings.api == "auto" else settings.api
        """v1 or v2; None until it has been found out."""

    def write(self, bucket: str, body: bytes, *, lines: int) -> None:
        """Write line protocol in ms into a bucket. Raises SinkUnavailable or SinkRejected."""
        try:
            client = self._client or self._open()
            if self.api is None:
                self.api = self._find_out(client)
            if self.api == "v1":
                self._write_v1(client, bucket, body)
            else:
                self._write_v2(client, bucket, body)
        except LIBRARY_ERRORS as error:
            raise classify(error, lines=lines) from error

    def forget(self) -> None:
        """Ask for the version again before the next write, where it is not set: the server may be another one."""
        if self._settings.api == "auto":
            self.api = None

    def close(self) -> None:
        """Close the connections; the next write opens new ones."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _open(self) -> Any:
        self._client = InfluxDBClient(
            url=self._settings.url,
            token="",  # the client's `Token` header would go out with everything and override Basic
            org=self._settings.org,
            timeout=_TIMEOUT_MS,
            connection_pool_maxsize=1,
        )
        return self._client

    def _find_out(self, client: Any) -> str:
        try:
            _, _, headers = client.api_client.call_api("/ping", "GET")
        except ApiException as error:
            if error.status is None or error.status >= 500:  # noqa: PLR2004 - HTTP
                raise
            return "v2"  # 3.x wants a token even for this
        version = headers.get("X-Influxdb-Version", "")
        return "v1" if version.lstrip("v").startswith("1.") else "v2"

    def _write_v2(self, client: Any, bucket: str, body: bytes) -> None:
        query = [("org", self._settings.org), ("bucket", bucket), ("precision", "ms")]
        self._post(client, "/api/v2/write", query, body, f"Token {self._settings.token}")

    def _write_v1(self, client: Any, bucket: str, body: bytes) -> None:
        basic = base64.b64encode(self._settings.token.encode()).decode()
        query = [("db", bucket), ("precision", "ms")]
        self._post(client, "/write", query, body, f"Basic {basic}" if self._settings.token else "")

    def _post(self, client: Any, path: str, query: list[tuple[str, str]], body: bytes, authorization: str) -> None:
        headers = {"Content-Type": "text/plain; charset=utf-8", "Accept": "application/json"}
        if authorization:
            client.api_client.set_default_header("Authorization", authorization)
        if self._gzip:
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body, 5)
        _, status, _ = client.api_client.call_api(
            path, "POST", query_params=query, header_params=headers, body=body
        )
        if status != _TAKEN:  # the page of a proxy or of a login: what was sent is nowhere
            raise SinkMisconfigured(
                f"{status}: not an answer of InfluxDB, which says {_TAKEN} to a write",
                what_to_do="check that `url` is that of InfluxDB; `facility-monitor influx check` says more",
            )
