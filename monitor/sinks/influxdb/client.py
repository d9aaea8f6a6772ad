"""One ready body to InfluxDB: influxdb-client as transport, for both of the ways in that servers have."""

import base64
import gzip
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.rest import ApiException
from urllib3 import Timeout

from monitor.sinks.influxdb.errors import LIBRARY_ERRORS, classify
from monitor.sinks.influxdb.exchange import Answer, Exchange, refusal
from monitor.sinks.loopback import is_on_loopback
from monitor.sinks.rejection import SinkMisconfigured
from monitor.site import InfluxSettings

__all__ = ["InfluxClient"]

_TIMEOUT_S = (3.0, 15.0)
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
        self._exchange: Exchange | None = None
        self.api: str | None = None if settings.api == "auto" else settings.api
        """v1 or v2; None until it has been found out."""

    def write(self, bucket: str, body: bytes, *, lines: int) -> None:
        """Write line protocol in ms into a bucket. Raises SinkUnavailable or SinkRejected."""
        try:
            if self.api is None:
                self.api = self._find_out()
            if self.api == "v1":
                self._write_v1(bucket, body)
            else:
                self._write_v2(bucket, body)
        except LIBRARY_ERRORS as error:
            raise classify(error, lines=lines) from error

    def version(self) -> str:
        """What the server calls itself, such as 1.6.7; empty when it does not say. Raises SinkUnavailable."""
        try:
            if self.api is None:
                self.api = self._find_out()
            answer = self._exchanged("GET", "/ping", self._authorized(), None)
        except LIBRARY_ERRORS as error:
            raise classify(error, lines=1) from error
        told = answer.headers.get("X-Influxdb-Version") or _version_in(answer.body)
        return str(told).lstrip("v")[:40]

    def forget(self) -> None:
        """Ask for the version again before the next write, where it is not set: the server may be another one."""
        if self._settings.api == "auto":
            self.api = None

    def close(self) -> None:
        """Close the connections; the next write opens new ones."""
        if self._client is not None:
            self._client.close()
            self._client = self._exchange = None

    def ask(  # noqa: PLR0913 - a request, and its bound
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        *,
        form: Mapping[str, str] | None = None,
        body: bytes | None = None,
        largest: int = 64 * 1024,
    ) -> bytes:
        """Ask anything else with the right of the token, answer the body. Raises SinkUnavailable or SinkRejected.

        `form`: sent as a form; `body`: as JSON. An answer of more than `largest` bytes is cut off.
        """
        kind = "application/json" if form is None else "application/x-www-form-urlencoded"
        content = body if form is None else urlencode(form).encode()
        try:
            if self.api is None:
                self.api = self._find_out()
            headers = {"Content-Type": kind, "Accept": "application/json", **self._authorized()}
            answer = self._exchanged(method, f"{path}?{urlencode(query)}", headers, content, largest=largest)
            if not 200 <= answer.status <= 299:  # noqa: PLR2004 - HTTP
                raise refusal(answer)
        except LIBRARY_ERRORS as error:
            raise classify(error, lines=1) from error
        return answer.body

    def _authorized(self) -> Mapping[str, str]:
        token = self._settings.token
        if not token:
            return {}
        basic = base64.b64encode(token.encode()).decode()
        return {"Authorization": f"Basic {basic}" if self.api == "v1" else f"Token {token}"}

    def _ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> tuple[int, Mapping[str, str]]:
        answer = self._exchanged(method, path, headers, body)
        if not 200 <= answer.status <= 299:  # noqa: PLR2004 - HTTP
            raise refusal(answer)
        return answer.status, answer.headers

    def _exchanged(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, *, largest: int = 64 * 1024
    ) -> Answer:
        if self._exchange is None:
            connect, read = _TIMEOUT_S
            self._client = InfluxDBClient(
                url=self._settings.url,
                token="",
                org=self._settings.org,
                connection_pool_maxsize=1,
                ssl_ca_cert=None if self._settings.ca is None else str(self._settings.ca),
            )
            pool = self._client.api_client.rest_client.pool_manager
            self._exchange = Exchange(pool, Timeout(connect=connect, read=read))
        own = self._client.api_client.default_headers
        url = f"{self._settings.url.rstrip('/')}{path}"
        told = {"User-Agent": own["User-Agent"], **headers}
        return self._exchange.exchange(method, url, told, body, largest=largest)

    def _find_out(self) -> str:
        try:
            _, headers = self._ask("GET", "/ping", {})
        except ApiException as error:
            if error.status >= 500:  # noqa: PLR2004 - HTTP
                raise
            return "v2"  # 3.x wants a token even for this
        version = headers.get("X-Influxdb-Version", "")
        return "v1" if version.lstrip("v").startswith("1.") else "v2"

    def _write_v2(self, bucket: str, body: bytes) -> None:
        query = {"org": self._settings.org, "bucket": bucket, "precision": "ms"}
        self._post("/api/v2/write", query, body, f"Token {self._settings.token}")

    def _write_v1(self, bucket: str, body: bytes) -> None:
        basic = base64.b64encode(self._settings.token.encode()).decode()
        query = {"db": bucket, "precision": "ms"}
        self._post("/write", query, body, f"Basic {basic}" if self._settings.token else "")

    def _post(self, path: str, query: Mapping[str, str], body: bytes, authorization: str) -> None:
        headers = {"Content-Type": "text/plain; charset=utf-8", "Accept": "application/json"}
        if authorization:
            headers["Authorization"] = authorization
        if self._gzip:
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body, 5)
        status, _ = self._ask("POST", f"{path}?{urlencode(query)}", headers, body)
        if status != _TAKEN:  # the page of a proxy or of a login: what was sent is nowhere
            raise SinkMisconfigured(
                f"{status}: not an answer of InfluxDB, which says {_TAKEN} to a write",
                what_to_do="check that `url` is that of InfluxDB; `facility-monitor influx check` says more",
            )


def _version_in(body: bytes) -> object:
    """The version in an answer to /ping, of which 3.x speaks in its body, too."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    return said.get("version", "") if isinstance(said, dict) else ""
