"""What went wrong with a request to InfluxDB, and who must act: the one place that knows the client's exceptions.

| answer | becomes | the sink then |
|---|---|---|
| 400, 422 about lines | SinkRejected | finds the lines, keeps them as dead letters, writes the others |
| 413 | SinkRejected | sends halves |
| 401, 403, 404, other 4xx, a 400 that is not about lines, a bad certificate | SinkMisconfigured | waits slowly |
| 408, 425, 429, 5xx, time-out, no such name, refused or broken connection | SinkUnavailable | waits |
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from influxdb_client.client.exceptions import InfluxDBError
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError, LocationValueError, ReadTimeoutError, SSLError

from monitor.errors import SinkError, SinkRejected, SinkUnavailable
from monitor.sinks.rejection import SETUP, AllRejected, BucketMissing, SinkMisconfigured

__all__ = ["LIBRARY_ERRORS", "about_tls", "classify"]

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
_MISSING = re.compile(r"(?:database|bucket).{0,300}not found", re.IGNORECASE)
_CONFLICTS = (
    re.compile(  # 1.x and 2.x
        r'input field "(?P<field>.+?)" on measurement "(?P<measurement>.+?)" is type (?P<wants>\w+),'
        r" already exists as type (?P<has>\w+)"
    ),
    re.compile(  # 3.x does not name the measurement
        r"invalid column type for column '(?P<field>.+?)', expected (?:\w+::)*(?P<has>\w+),"
        r" got (?:\w+::)*(?P<wants>\w+)"
    ),
)
_NOBODY = "create admin user first"
_FIRST = (
    "on the server say `influx -execute \"CREATE USER admin WITH PASSWORD 'choose one' WITH ALL PRIVILEGES\"`,"
    f" then `{SETUP}`"
)
_TRANSIENT = frozenset({408, 425, 429})
_LEFT_OPEN = frozenset({500, 502, 504})
"""A time-out within the server, or a proxy's word that it has no answer: the lines may be written yet."""
_BROKEN_TLS = re.compile(r"EOF|reset|timed out|closed", re.IGNORECASE)
_ABOUT_TLS = (
    ("has expired", "renew the server's certificate, or set this box's clock right"),
    ("not yet valid", "set this box's clock right (`timedatectl`), or mend the server's certificate"),
    ("mismatch", "use the name that the certificate is for in `url`, or give the server one for this name"),
    ("unable to get|self.signed|unknown ca", "name the authority that signed the server's certificate in `ca`"),
    ("No such file", "put the file that `ca` names back"),
    ("wrong.version|http.request|unknown.protocol", "write http:// in `url` where the server has no TLS"),
)
_CHECK = "`facility-monitor influx check` says more"
_HINTS = {
    401: f"check `token` (user:password with api v1); {_CHECK}",
    403: f"let the token write to the bucket, or name another token (`{SETUP}` does it); {_CHECK}",
    404: f"create the bucket (`{SETUP}` does it), or mend `bucket`, `org` or `url`; {_CHECK}",
}


def classify(error: Exception, *, lines: int) -> SinkError:
    """Translate an exception of the client about a request of `lines` lines. Never carries the token."""
    if isinstance(error, ApiException) and error.status:
        return _answered(error, lines)
    if isinstance(error, (ApiException, SSLError)):  # status 0: the client's word for trouble with TLS
        said = _short(error.reason if isinstance(error, ApiException) else error)
        if _BROKEN_TLS.search(said):
            return SinkUnavailable(f"TLS: {said}")
        return SinkMisconfigured(f"TLS: {said}", what_to_do=f"{about_tls(said)}; {_CHECK}")
    if isinstance(error, LocationValueError):
        return SinkMisconfigured(f"the address is wrong: {_short(error)}", what_to_do="mend `url`")
    slow = isinstance(error, ReadTimeoutError)
    return SinkUnavailable(f"{type(error).__name__}: {_short(error)}", maybe_taken=slow)


def about_tls(said: str) -> str:
    """What to do when TLS has failed with these words."""
    usual = "mend the server's certificate or `url`"
    return next((advice for words, advice in _ABOUT_TLS if re.search(words, said, re.IGNORECASE)), usual)


def _answered(error: ApiException, lines: int) -> SinkError:
    status = int(error.status)
    reason = _reason(error)
    if status in {400, 413, 422}:
        if status == 400 and (reason is None or _ABOUT_SETTINGS.search(reason)):  # noqa: PLR2004 - HTTP
            hint = f"check that `url`, `org` and `bucket` are those of InfluxDB; {_CHECK}"
            told = f"400: {reason or 'not an answer of InfluxDB'}"
            return SinkMisconfigured(told, what_to_do=hint, status=status)
        dropped = _DROPPED.search(reason or "")
        kind = AllRejected if dropped is not None and int(dropped[1]) >= lines else SinkRejected
        return kind(f"{status}: {_conflict(reason) or reason or 'too large'}")
    if status in _TRANSIENT or status >= 500:  # noqa: PLR2004 - HTTP
        wish = _retry_after(error.headers or {})
        told = f"{status}: {reason or _short(error.reason)}"
        return SinkUnavailable(told, retry_after=wish, maybe_taken=status in _LEFT_OPEN)
    hint = _HINTS.get(status, f"check that `url` is that of InfluxDB; {_CHECK}")
    if _NOBODY in (reason or ""):  # 1.x that asks for passwords and has no users yet
        hint = _FIRST
    missing = status == 404 and _MISSING.search(reason or "")  # noqa: PLR2004 - HTTP
    waits = BucketMissing if missing else SinkMisconfigured
    return waits(f"{status}: {reason or _short(error.reason)}", what_to_do=hint, status=status)


def _conflict(reason: str | None) -> str:
    """A conflict of types in our own words: which field of which measurement, what it has, what it wants."""
    found = next((match for each in _CONFLICTS if (match := each.search(reason or ""))), None)
    if found is None:
        return ""
    named = found.groupdict()
    measurement = f" of {named['measurement']}" if "measurement" in named else ""
    return (
        f"field type conflict: {named['field']}{measurement} has the type {named['has']} in InfluxDB"
        f" and wants {named['wants']}"
    )


def _reason(error: ApiException) -> str | None:
    """What InfluxDB said; None when the answer is not one of its own."""
    try:
        body = json.loads(error.body or "")
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict):
        return None
    said = [body.get("message") or body.get("error")]
    data = body.get("data")
    if isinstance(data, list):  # 3.x says it line by line
        said += [each.get("error_message") for each in data[:3] if isinstance(each, dict)]
    text = _LINE.sub("unable to parse a line", "; ".join(str(each) for each in said if each))
    return _short(text) or None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, of either form the header may have; None without it or when it makes no sense.

    A date is counted from the server's own `Date`: the clock of the box may be wrong.
    """
    value = headers.get("Retry-After")
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        until, now = _date(value), _date(headers.get("Date", "")) or datetime.now(UTC)
        if until is None:
            return None
        seconds = (until - now).total_seconds()
    return min(max(seconds, 0.0), _LONGEST_WAIT) if seconds == seconds else None  # noqa: PLR0124 - not NaN


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _short(value: object) -> str:
    return " ".join(str(value).split())[:_LONGEST_REASON]
