"""What went wrong with a request to InfluxDB, and who must act: the one place that knows the client's exceptions.

| answer | becomes | the sink then |
|---|---|---|
| 400, 422 about lines | SinkRejected | finds the lines, keeps them as dead letters, writes the others |
| 413 | SinkRejected | sends halves |
| 401, 403, 404, other 4xx, a 400 that is not about lines, a bad certificate | SinkMisconfigured | waits slowly |
| 429, 5xx, time-out, refused or broken connection | SinkUnavailable | waits, at least `Retry-After` |
"""

import json
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from influxdb_client.client.exceptions import InfluxDBError
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError, LocationValueError, SSLError

from monitor.errors import SinkError, SinkRejected, SinkUnavailable
from monitor.sinks.rejection import AllRejected, SinkMisconfigured

__all__ = ["LIBRARY_ERRORS", "classify"]

LIBRARY_ERRORS = (InfluxDBError, HTTPError, LocationValueError, OSError, UnicodeError)
"""What the client can raise; all else is a mistake of ours and passes."""

_LONGEST_REASON = 300
_LONGEST_WAIT = 3600.0
_DROPPED = re.compile(r"dropped=(\d+)")
_LINE = re.compile(r"unable to parse '.*'", re.DOTALL)
_ABOUT_SETTINGS = re.compile(
    r"database is required|retention policy not found|bucket.{0,80}not found|organization|"
    r"missing required|invalid precision|unauthorized|authorization|plain HTTP request",
    re.IGNORECASE,
)
_HINTS = {
    401: "check the token (user:password with api v1)",
    403: "the token may not write there",
    404: "the bucket (with api v1: the database), the organisation or the path does not exist",
}


def classify(error: Exception, *, lines: int) -> SinkError:
    """Translate an exception of the client about a request of `lines` lines. Never carries the token."""
    if isinstance(error, ApiException) and error.status:
        return _answered(error, lines)
    if isinstance(error, ApiException):  # status 0: the client's word for trouble with TLS
        return SinkMisconfigured(f"TLS: {_short(error.reason)}")
    if isinstance(error, SSLError):
        return SinkMisconfigured(f"TLS: {_short(error)}")
    if isinstance(error, LocationValueError):
        return SinkMisconfigured(f"the address is wrong: {_short(error)}")
    return SinkUnavailable(f"{type(error).__name__}: {_short(error)}")


def _answered(error: ApiException, lines: int) -> SinkError:
    status = int(error.status)
    reason = _reason(error)
    if status in {400, 413, 422}:
        if status == 400 and (reason is None or _ABOUT_SETTINGS.search(reason)):  # noqa: PLR2004 - HTTP
            return SinkMisconfigured(f"400: {reason or 'not an answer of InfluxDB'}")
        dropped = _DROPPED.search(reason or "")
        kind = AllRejected if dropped is not None and int(dropped[1]) >= lines else SinkRejected
        return kind(f"{status}: {reason or 'too large'}")
    if status == 429 or status >= 500:  # noqa: PLR2004 - HTTP
        wish = _retry_after(error.headers.get("Retry-After") if error.headers else None)
        return SinkUnavailable(f"{status}: {reason or _short(error.reason)}", retry_after=wish)
    hint = _HINTS.get(status, "is the address that of InfluxDB?")
    return SinkMisconfigured(f"{status}: {reason or _short(error.reason)}; {hint}")


def _reason(error: ApiException) -> str | None:
    """What InfluxDB said; None when the answer is not one of its own."""
    try:
        body = json.loads(error.body or "")
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    said = [body.get("message") or body.get("error")]
    data = body.get("data")
    if isinstance(data, list):  # 3.x says it line by line
        said += [each.get("error_message") for each in data[:3] if isinstance(each, dict)]
    text = _LINE.sub("unable to parse a line", "; ".join(str(each) for each in said if each))
    return _short(text) or None


def _retry_after(value: str | None) -> float | None:
    """Seconds, of either form the header may have; None without it or when it makes no sense."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), _LONGEST_WAIT) if seconds == seconds else None  # noqa: PLR0124 - not NaN


def _short(value: object) -> str:
    return " ".join(str(value).split())[:_LONGEST_REASON]
