"""Scripted servers that answer as the documentation of InfluxDB 2.x and 3.x says: buckets, tokens, writes."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.servers.http import Answer, Request, WebServer

__all__ = ["OPERATOR", "Influx2", "Influx3", "serving"]

OPERATOR = "operator-token-of-more-than-32-letters=="
_JSON = {"Content-Type": "application/json"}


def _said(status: int, content: Any, **headers: str) -> Answer:
    return status, {**_JSON, **headers}, json.dumps(content).encode()


class Influx2:
    """2.7: organisation `facility`; `tokens` are (action, bucket id) pairs by token, of the operator all."""

    version = "v2.7.12"

    def __init__(self, *, tells_tokens: bool = True) -> None:
        self.tells_tokens = tells_tokens
        self._made = 0
        self.buckets: dict[str, dict[str, Any]] = {}
        self.tokens: dict[str, set[tuple[str, str]]] = {}
        self.described: dict[str, tuple[str, str]] = {}
        """By token: its id, and what it is for."""
        self.lines: dict[str, list[bytes]] = {}

    def __call__(self, request: Request) -> Answer:
        path, query = urlsplit(request.path).path, parse_qs(urlsplit(request.path).query)
        if path == "/ping":
            return 204, {"X-Influxdb-Version": self.version}
        token = request.headers.get("Authorization", "").removeprefix("Token ")
        if token != OPERATOR and token not in self.tokens:
            return _said(401, {"code": "unauthorized", "message": "unauthorized access"})
        return self._asked(request, path, {name: values[0] for name, values in query.items()}, token)

    def _asked(self, request: Request, path: str, query: dict[str, str], token: str) -> Answer:
        if path == "/api/v2/write":
            return self._write(query["bucket"], request.body, token)
        if path == "/query":
            return self._query(query.get("db", ""), token)
        if path == "/api/v2/buckets" and request.method == "GET":
            found = self.buckets.get(query.get("name", ""))
            if found is None or token != OPERATOR:
                return _said(404, {"code": "not found", "message": f'bucket "{query.get("name")}" not found'})
            return _said(200, {"buckets": [found]})
        if token != OPERATOR:
            return _said(403, {"code": "forbidden", "message": "insufficient permissions"})
        return self._ruled(request, path, query)

    def _ruled(self, request: Request, path: str, query: dict[str, str]) -> Answer:
        if path == "/api/v2/orgs":
            found = [{"id": "0123456789abcdef", "name": "facility"}] if query["org"] == "facility" else []
            return _said(200, {"orgs": found})
        if path.startswith("/api/v2/authorizations") and request.method != "POST":
            return self._authorizations(request.method, path.rpartition("/")[2])
        told = request.json()
        if path == "/api/v2/buckets":
            assert told["orgID"] == "0123456789abcdef"
            made = {**told, "id": f"{len(self.buckets) + 1:016x}"}
            self.buckets[told["name"]] = made
            return _said(201, made)
        if path.startswith("/api/v2/buckets/"):
            changed = next(each for each in self.buckets.values() if each["id"] == path.rpartition("/")[2])
            changed |= told
            return _said(200, changed)
        assert path == "/api/v2/authorizations", path
        self._made += 1
        made_token = f"token-{self._made}-of-more-than-thirty-two-letters=="
        self.tokens[made_token] = {(each["action"], each["resource"]["id"]) for each in told["permissions"]}
        self.described[made_token] = (f"{self._made:016x}", told["description"])
        return _said(201, {**told, "id": f"{self._made:016x}", "token": made_token, "status": "active"})

    def _authorizations(self, method: str, ident: str) -> Answer:
        if method == "GET":
            known = [
                {"id": ident, "token": token if self.tells_tokens else "redacted", "description": told}
                for token, (ident, told) in self.described.items()
            ]
            return _said(200, {"authorizations": known})
        assert method == "DELETE"
        token = next(token for token, (known, _) in self.described.items() if known == ident)
        del self.tokens[token], self.described[token]
        return 204

    def _may(self, token: str, action: str, ident: str) -> bool:
        return token == OPERATOR or (action, ident) in self.tokens[token]

    def _query(self, database: str, token: str) -> Answer:
        bucket = self.buckets.get(database)
        if bucket is None or not self._may(token, "read", bucket["id"]):
            return _said(401, {"code": "unauthorized", "message": "unauthorized"})
        found = [line.replace(b" ", b",").split(b",")[0].decode() for line in self.lines.get(database, ())]
        series = {"name": "measurements", "columns": ["name"], "values": [[name] for name in found[:1]]}
        return _said(200, {"results": [{"statement_id": 0} | ({"series": [series]} if found else {})]})

    def _write(self, bucket: str, body: bytes, token: str) -> Answer:
        found = self.buckets.get(bucket)
        if found is None:
            return _said(404, {"code": "not found", "message": f'bucket "{bucket}" not found'})
        if not self._may(token, "write", found["id"]):
            return _said(403, {"code": "forbidden", "message": "insufficient permissions for write"})
        if not body:
            return _said(400, {"code": "invalid", "message": "writing requires points"})
        self.lines.setdefault(bucket, []).extend(body.split(b"\n"))
        return 204


class Influx3:
    """3.x Core: any write makes its database; `retention` is by database, None for ever."""

    version = "3.8.0"

    def __init__(self) -> None:
        self.retention: dict[str, str | None] = {}

    def __call__(self, request: Request) -> Answer:
        path, query = urlsplit(request.path).path, parse_qs(urlsplit(request.path).query)
        if request.headers.get("Authorization", "") != f"Token {OPERATOR}":
            return _said(401, {"error": "the request was not authenticated", "data": None})
        if path == "/ping":
            return _said(200, {"version": self.version, "revision": "0", "process_id": "0"})
        if path == "/api/v2/write":
            self.retention.setdefault(query["bucket"][0], None)
            return 204
        assert path == "/api/v3/configure/database", path
        if request.method == "GET":
            assert query["format"] == ["json"]
            return _said(200, [{"iox::database": name} for name in ("_internal", *self.retention)])
        told = request.json()
        if request.method == "PUT":
            self.retention[told["db"]] = told["retention_period"]
        elif told["db"] in self.retention:
            return _said(409, {"error": "database already exists", "data": None})
        else:
            self.retention[told["db"]] = told.get("retention_period")
        return 200


@contextmanager
def serving(influx: Influx2 | Influx3) -> Iterator[WebServer]:
    with WebServer() as web:
        web.handle = influx
        yield web
