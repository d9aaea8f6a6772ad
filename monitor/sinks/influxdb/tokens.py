"""Tokens of InfluxDB 2.x: whether one may write or read, made, taken back.

Sources at docs.influxdata.com: /api/v2/authorizations, which tells the tokens themselves to whoever may manage
them, but not on every server: a token that is not told cannot be recognised.
"""

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from monitor.errors import SinkRejected, SinkUnavailable
from monitor.sinks.influxdb.buckets import Buckets, Refused, ident_of, items
from monitor.sinks.rejection import SinkMisconfigured
from monitor.site import InfluxSettings

if TYPE_CHECKING:
    from monitor.sinks.influxdb.client import InfluxClient

__all__ = ["NO_RIGHT", "Tokens", "connected"]

NO_RIGHT: Final = frozenset({401, 403})
_NOT_FOUND: Final = 404
_SHORTEST, _LONGEST = 32, 1000


def connected(settings: InfluxSettings, token: str) -> "InfluxClient":
    """A client that comes with this token; to be closed."""
    from monitor.sinks.influxdb.client import InfluxClient

    return InfluxClient(replace(settings, token=token))


class Tokens:
    """Those of one server, with the rights of an administrator's `buckets`."""

    def __init__(self, settings: InfluxSettings, buckets: Buckets) -> None:
        self._settings = settings
        self._buckets = buckets

    def may_write(self, token: str, names: Iterable[str]) -> bool:
        """Whether a token may write to every bucket: found out by a write without lines."""
        client = connected(self._settings, token)
        try:
            for name in names:
                with contextlib.suppress(SinkRejected):  # a 400: it holds no points
                    client.write(name, b"", lines=1)
        except SinkMisconfigured as error:
            if error.status in NO_RIGHT | {_NOT_FOUND}:
                return False
            raise
        finally:
            client.close()
        return True

    def may_read(self, token: str, name: str) -> bool:
        """Whether a token is let in to ask; what InfluxQL says beside that is no matter of rights."""
        return self._measurements(token, name) is not None

    def sees(self, token: str, name: str) -> bool:
        """Whether a token gets to see what a bucket holds: proof that it may, which an empty one cannot give."""
        return bool(self._measurements(token, name))

    def _measurements(self, token: str, name: str) -> Sequence[Any] | None:
        client = connected(self._settings, token)
        try:
            return Buckets(client, self._settings.org).query("SHOW MEASUREMENTS LIMIT 1", name)
        except SinkMisconfigured as error:
            return None if error.status in NO_RIGHT else ()
        finally:
            client.close()

    def make(self, description: str, idents: Iterable[str], actions: Sequence[str]) -> str:
        """A new token that may do this with the buckets of these ids."""
        org = self._buckets.org_id
        told: dict[str, Any] = {
            "orgID": org,
            "description": description,
            "permissions": [
                {"action": action, "resource": {"type": "buckets", "id": ident, "orgID": org}}
                for ident in idents
                for action in actions
            ],
        }
        said = self._buckets.ask("POST", "/api/v2/authorizations", body=told)
        token = said.get("token") if isinstance(said, dict) else None
        if not isinstance(token, str) or not _SHORTEST <= len(token) <= _LONGEST or not token.isascii():
            raise SinkUnavailable("the answer holds no token")
        if any(letter.isspace() or not letter.isprintable() for letter in token):
            raise SinkUnavailable("the answer holds no token")
        return token

    def take_back(self, token: str, description: str) -> bool:
        """Delete this token, if it is described so; answers whether it was."""
        try:
            said = self._buckets.ask("GET", "/api/v2/authorizations", {"orgID": self._buckets.org_id})
        except Refused as error:
            if error.status in NO_RIGHT | {_NOT_FOUND}:
                return False
            raise
        for each in items(said, "authorizations"):
            if each.get("token") == token and each.get("description") == description:
                self._buckets.ask("DELETE", f"/api/v2/authorizations/{ident_of(each)}", also={_NOT_FOUND})
                return True
        return False
