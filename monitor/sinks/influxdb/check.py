"""Looks at an InfluxDB from where the sink stands and says what is wrong, and what to do. Writes nothing.

Whether a bucket is there and may be written to is found out by a write without lines: 1.x takes it (204), 2.x
says that it holds no points (400), and both look at token and bucket before.
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import Any
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from monitor.sinks.influxdb.buckets import in_words, quoted, seconds_of
from monitor.sinks.influxdb.errors import about_tls
from monitor.sinks.influxdb.exchange import Exchange
from monitor.sinks.influxdb.types import Types, access_types, main_types
from monitor.sinks.rejection import SETUP
from monitor.site import InfluxSettings, Site

__all__ = ["Finding", "examine"]

_TIMEOUT = urllib3.Timeout(connect=3.0, read=5.0)
_LONGEST_S, _LONGEST_OF_ALL_S = 10.0, 30.0
_LARGEST = 4_000_000
_WARN_S, _WRONG_S = 5, 60
_SHOWN = 10
_LONGEST = 300

_ADVICE: Sequence[tuple[type[Exception] | tuple[type[Exception], ...], str]] = (
    (NameResolutionError, "mend the name in `url`, or the name service of this box (`getent hosts NAME`)"),
    (NewConnectionError, "start InfluxDB (`systemctl start influxdb`), or mend the port in `url`"),
    (ConnectTimeoutError, "mend `url`, or a firewall between here and there"),
    ((ReadTimeoutError, TimeoutError), "look at the load of the server and its log; is `url` that of InfluxDB?"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. `state`: fine, warning, wrong, or unknown (it cannot be seen from here)."""

    check: str
    state: str
    found: str
    what_to_do: str = ""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def said(self) -> Mapping[str, Any]:
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def reason(self) -> str:
        said = self.said.get("message") or self.said.get("error") or "no reason given"
        return " ".join(str(said).split())[:_LONGEST]


def examine(settings: InfluxSettings, site: Site, *, now: Callable[[], int]) -> Sequence[Finding]:
    """Look at everything that can be seen. Blocks for half a minute at most. `now` answers UTC ms."""
    return _Examination(settings, site, now).run()


@dataclass
class _Examination:
    settings: InfluxSettings
    site: Site
    now: Callable[[], int]
    version: str = ""
    findings: list[Finding] = field(default_factory=list)

    def __post_init__(self) -> None:
        ca = None if self.settings.ca is None else str(self.settings.ca)
        self._http = urllib3.PoolManager(retries=False, ca_certs=ca)
        self._exchange = Exchange(self._http, _TIMEOUT)
        self._until = monotonic() + _LONGEST_OF_ALL_S

    def run(self) -> Sequence[Finding]:
        try:
            self._look()
        except (HTTPError, OSError, UnicodeError) as error:
            why = " ".join(str(error).split())[:_LONGEST]
            advice = next((text for kind, text in _ADVICE if isinstance(error, kind)), "look at the server's log")
            if isinstance(error, SSLError):
                advice = about_tls(why)
            self._find("server", "wrong", f"{self.settings.url} does not answer: {why}", advice)
        finally:
            self._http.clear()
        return self.findings

    def _find(self, check: str, state: str, found: str, what_to_do: str = "") -> None:
        self.findings.append(Finding(check=check, state=state, found=found, what_to_do=what_to_do))

    def _ask(self, method: str, path: str, **query: str) -> _Answer:
        headers = {"Authorization": self._authorization()} if self.settings.token else {}
        url = f"{self.settings.url.rstrip('/')}{path}" + (f"?{urlencode(query)}" if query else "")
        left = self._until - monotonic()
        if left <= 0:
            raise TimeoutError(f"it takes longer than {_LONGEST_OF_ALL_S:.0f} s")
        answer = self._exchange.exchange(method, url, headers, longest=min(_LONGEST_S, left), largest=_LARGEST)
        return _Answer(answer.status, answer.headers, answer.body)

    def _authorization(self) -> str:
        token = self.settings.token
        return f"Basic {base64.b64encode(token.encode()).decode()}" if self._is_v1 else f"Token {token}"

    @property
    def _is_v1(self) -> bool:
        if self.settings.api != "auto":
            return self.settings.api == "v1"
        return self.version.startswith("1.")

    @property
    def _database(self) -> str:
        return "database" if self._is_v1 else "bucket"

    def _look(self) -> None:
        before = self.now()
        ping = self._ask("GET", "/ping")
        self.version = ping.headers.get("X-Influxdb-Version", "").lstrip("v")
        self._find("server", "fine", f"{self.settings.url} answers")
        self._judge_version(ping)
        self._judge_clock(ping, (before + self.now()) // 2)
        if self._is_v1 and self.settings.token and ":" not in self.settings.token:
            self._find("token", "wrong", "with InfluxDB 1.x the token is user:password", "mend `token`")
            return
        buckets = (self.settings.bucket, main_types(self.site)), (self.settings.access_bucket, access_types())
        for number, (bucket, types) in enumerate(buckets):
            if bucket not in self.settings.buckets:
                continue
            answer = self._write_nothing(bucket)
            if number == 0 and not self._judge_token(answer):
                return
            if self._judge_bucket("bucket" if number == 0 else "access_bucket", bucket, answer):
                if number == 0:
                    self._judge_mapping(bucket)
                self._judge_retention(bucket, is_access=number > 0)
                self._judge_types(bucket, types)

    # The server ------------------------------------------------------------------------------------------

    def _judge_version(self, ping: _Answer) -> None:
        api, version = self.settings.api, self.version
        if not version and ping.status in {401, 403}:
            self._find("version", "unknown", "not told without a token that is valid; taken for 2.x or 3.x")
        elif not version:
            server = ping.headers.get("Server", "")[:60] or "something"
            advice = "is `url` that of InfluxDB? A proxy before it should let /ping through"
            self._find("version", "warning", f"{server} answered {ping.status} and names no InfluxDB", advice)
        elif version.startswith("1.") and api == "v2" and not _has_v2(version):
            advice = "set `api: auto`, and `token` to user:password"
            self._find("version", "wrong", f"InfluxDB {version} has no /api/v2/write", advice)
        elif not version.startswith("1.") and api == "v1":
            advice = "set `api: auto`, and `token` to an API token"
            self._find("version", "warning", f"InfluxDB {version} is spoken to as 1.x (`api: v1`)", advice)
        else:
            self._find("version", "fine", f"InfluxDB {version}, spoken to as {'v1' if self._is_v1 else 'v2'}")

    def _judge_clock(self, ping: _Answer, now: int) -> None:
        try:
            date = parsedate_to_datetime(ping.headers.get("Date", "")).timestamp()
        except (ValueError, TypeError):
            self._find("clock", "unknown", "the server does not say its time")
            return
        ahead = round(date - now / 1000)
        if abs(ahead) <= _WARN_S:
            self._find("clock", "fine", f"the server's clock agrees within {_WARN_S} s")
            return
        found = f"the server's clock is {abs(ahead)} s {'ahead of' if ahead > 0 else 'behind'} this box's"
        advice = "let both take their time from the network (`timedatectl` on each)"
        self._find("clock", "wrong" if abs(ahead) > _WRONG_S else "warning", found, advice)

    # The token and the buckets ---------------------------------------------------------------------------

    def _write_nothing(self, bucket: str) -> _Answer:
        if self._is_v1:
            return self._ask("POST", "/write", db=bucket, precision="ms")
        if self.version.startswith("3."):  # it may create a database for any write
            return self._ask("GET", "/api/v3/configure/database", format="json")
        return self._ask("POST", "/api/v2/write", org=self.settings.org, bucket=bucket, precision="ms")

    def _judge_token(self, answer: _Answer) -> bool:
        if answer.status == 401:  # noqa: PLR2004 - HTTP
            advice = "mend the secret behind `token`" + (": it is user:password" if self._is_v1 else "")
            self._find("token", "wrong", f"the server does not know it: {answer.reason}", advice)
            return False
        self._find("token", "fine", "the server knows it" if self.settings.token else "none is needed")
        return True

    def _judge_bucket(self, key: str, bucket: str, answer: _Answer) -> bool:
        """Note whether it is there and may be written to; answer whether it is there."""
        named = f"{self._database} {bucket}"
        if self.version.startswith("3.") and answer.status == 200:  # noqa: PLR2004 - HTTP
            return self._judge_v3(key, bucket, answer)
        if answer.status == 204 or (answer.status == 400 and not _about_settings(answer)):  # noqa: PLR2004 - HTTP
            self._find(key, "fine", f"{named} is there and may be written to")
            return True
        if answer.status == 404 and answer.said:  # noqa: PLR2004 - HTTP
            self._find(key, "wrong", f"{named}: {answer.reason}", self._creation(key, bucket))
            return False
        if answer.status in {401, 403}:
            advice = f'`GRANT WRITE ON "{bucket}" TO {self._user}`' if self._is_v1 else "give the token the right"
            self._find(key, "wrong", f"the token may not write to {named}: {answer.reason}", advice)
            return True
        advice = "is `url` that of InfluxDB, and `api` right for its version?"
        self._find(key, "wrong", f"{named}: the server answered {answer.status} to a write", advice)
        return False

    @property
    def _user(self) -> str:
        return self.settings.token.partition(":")[0]

    def _creation(self, key: str, bucket: str) -> str:
        if self._is_v1:
            made = f"`influx -execute 'CREATE DATABASE \"{bucket}\"'`"
            return f"mend `{key}`, or create it: `{SETUP}`, or {made}"
        return f"mend `{key}` or `org`, or create it: `{SETUP}`, or `influx bucket create --name {bucket}`"

    def _judge_v3(self, key: str, bucket: str, answer: _Answer) -> bool:
        try:
            known = {str(name) for each in json.loads(answer.body) for name in each.values()}
        except (ValueError, TypeError, AttributeError, RecursionError):
            self._find(key, "unknown", f"the list of databases cannot be read; {bucket} was not looked for")
            return False
        there = bucket in known
        told = "is there" if there else "is not there yet; InfluxDB 3 creates it with the first write"
        self._find(key, "fine" if there else "warning", f"database {bucket} {told}")
        return there

    # How long it is kept ---------------------------------------------------------------------------------

    def _judge_retention(self, bucket: str, *, is_access: bool) -> None:
        """Compare how long the bucket keeps its points with the settings, of which none means that any will do."""
        try:
            kept = self._retention(bucket)
        except (ValueError, OverflowError):
            self._find("retention", "unknown", f"{bucket}: how long it keeps its points cannot be seen from here")
            return
        wanted = self.settings.buckets[bucket]
        found = f"{bucket} keeps its points {_for(kept)}"
        if wanted is None or (kept is not None and abs(kept - wanted) <= 1):
            self._find("retention", "fine", found)
            return
        advice = f"`{SETUP} --alter-retention`, or mend `{'access_retention' if is_access else 'retention'}`"
        if kept is not None and kept < wanted:
            self._find("retention", "warning" if is_access else "wrong", f"{found}, not {_for(wanted)}", advice)
        else:
            self._find("retention", "warning", f"{found}, longer than the site says: {_for(wanted)}", advice)

    def _retention(self, bucket: str) -> float | None:
        """Seconds, or None for ever; raises ValueError or OverflowError when it cannot be seen."""
        if self._is_v1:
            answer, error = self._query(bucket, f"SHOW RETENTION POLICIES ON {quoted(bucket)}")
            try:
                series = answer.said["results"][0]["series"][0]
                rows = [dict(zip(series["columns"], row, strict=True)) for row in series["values"]]
                return seconds_of(next(str(row["duration"]) for row in rows if row["default"] is True))
            except (KeyError, IndexError, TypeError, AttributeError, StopIteration) as strange:
                raise ValueError(error or "nothing is told") from strange
        if self.version.startswith("3."):
            raise ValueError("3.x does not tell")
        answer = self._ask("GET", "/api/v2/buckets", org=self.settings.org, name=bucket)
        try:
            found = next(each for each in answer.said["buckets"] if each["name"] == bucket)
            lasting = [int(rule["everySeconds"]) for rule in found["retentionRules"]]
        except (KeyError, TypeError, StopIteration) as strange:
            raise ValueError("nothing is told") from strange
        return next((float(each) for each in lasting if each), None)

    # What dashboards and fields need ---------------------------------------------------------------------

    def _query(self, bucket: str, text: str) -> tuple[_Answer, str]:
        answer = self._ask("GET", "/query", db=bucket, q=text)
        results = answer.said.get("results")
        result = results[0] if isinstance(results, list) and results and isinstance(results[0], dict) else {}
        return answer, str(result.get("error", ""))

    def _judge_mapping(self, bucket: str) -> None:
        if self._is_v1 or not self.version.startswith("2."):
            return
        answer, error = self._query(bucket, "SHOW MEASUREMENTS LIMIT 1")
        if answer.status == 200 and not error:  # noqa: PLR2004 - HTTP
            self._find(
                "mapping", "fine", f"InfluxQL, which the dashboards use, finds the bucket as database {bucket}"
            )
        elif answer.status in {401, 403}:
            advice = "try it with the token of Grafana; the monitor itself does not need to read"
            self._find("mapping", "unknown", "the token may not read, so InfluxQL cannot be tried", advice)
        else:
            advice = (
                f"`influx v1 dbrp create --db {bucket} --rp autogen --default --bucket-id ID`"
                " (ID: `influx bucket list`)"
            )
            found = f"InfluxQL, which the dashboards use, does not find the bucket: {error or answer.reason}"
            self._find("mapping", "wrong", found, advice)

    def _judge_types(self, bucket: str, wanted: Types) -> None:
        names = ", ".join(f'"{name}"' for name in wanted)
        answer, error = self._query(bucket, f"SHOW FIELD KEYS FROM {names}")
        if answer.status != 200 or error:  # noqa: PLR2004 - HTTP
            found = f"{bucket}: the types of fields cannot be seen with this token, which is all right for writing"
            self._find("types", "unknown", found)
            return
        if not isinstance(answer.said.get("results"), list):
            self._find("types", "unknown", f"{bucket}: the answer to the question for types cannot be read")
            return
        conflicts = [
            f"{measurement}.{name} is {has} and wants {wants}"
            for measurement, name, has in _fields(answer)
            if (wants := wanted.get(measurement, {}).get(name, has)) != has
        ]
        if not conflicts:
            self._find("types", "fine", f"{bucket}: no field has another type than ours")
            return
        more = f" and {len(conflicts) - _SHOWN} more" if len(conflicts) > _SHOWN else ""
        advice = (
            "a field keeps its first type: stop what else writes there, or name another bucket; or copy what you"
            " need and drop the measurement, then `facility-monitor dead-letters retry --all`"
        )
        self._find("types", "wrong", f"{bucket}: {'; '.join(conflicts[:_SHOWN])}{more}", advice)


def _fields(answer: _Answer) -> Sequence[tuple[str, str, str]]:
    """Measurement, field and type of everything in the answer; a field may be there with several types."""
    found = []
    try:
        for series in answer.said["results"][0].get("series", ()):
            found += [(str(series["name"]), str(row[0]), str(row[1])) for row in series["values"]]
    except (KeyError, IndexError, TypeError, AttributeError):
        return []
    return found


def _about_settings(answer: _Answer) -> bool:
    """Whether a 400 is about more than the write having no lines."""
    return "org" in answer.reason.lower() or "bucket" in answer.reason.lower() or not answer.said


def _for(seconds: float | None) -> str:
    return in_words(seconds) if seconds is None else f"for {in_words(seconds)}"


def _has_v2(version: str) -> bool:
    minor = version.split(".")[1]
    return minor.isdigit() and int(minor) >= 8  # noqa: PLR2004 - 1.8 is the first
