"""`influx setup`: makes what the monitor and Grafana need in an InfluxDB, with the rights of an administrator.

What is there already stays as it is, other people's passwords among it: said again, it changes nothing. Each step
is told once it is done, so that after an error it is known how far it came. Passwords are kept before the server
learns them: what broke off in between goes on with the same ones.
"""

import contextlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from monitor.errors import SinkRejected, SinkUnavailable
from monitor.sinks.influxdb.buckets import Bucket, Buckets, Refused, in_words, quoted
from monitor.sinks.rejection import SinkMisconfigured
from monitor.site import InfluxSettings, Site

if TYPE_CHECKING:
    from monitor.sinks.influxdb.client import InfluxClient

__all__ = ["Keeping", "Step", "asks_for_password", "prepare"]

_NO_RIGHT: Final = frozenset({401, 403})
_NOT_FOUND: Final = 404
_SHORTEST, _LONGEST = 32, 1000
URL, BUCKET, USER, PASSWORD = (f"FACILITY_INFLUXDB_{name}" for name in ("URL", "BUCKET", "USER", "PASSWORD"))
"""What the provisioning of Grafana takes from its environment: config/grafana/provisioning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that was looked after. `state`: made, changed, kept (as it was) or left, with what to do."""

    sink: str
    what: str
    state: str
    told: str
    what_to_do: str = ""


class Keeping(Protocol):
    """The files in which secrets are kept for the monitor and for Grafana; raises RequestRefused."""

    def check(self) -> None:
        """Refuse when they could not be written, before anything is made."""

    def keep_token(self, token: str) -> str:
        """Keep the monitor's token where the site file looks for it; answers where."""

    def grafana(self) -> Mapping[str, str]:
        """What was kept for Grafana; empty when nothing was."""

    def keep_grafana(self, variables: Mapping[str, str]) -> str:
        """Keep what Grafana needs; answers where."""


def asks_for_password(settings: InfluxSettings) -> bool:
    """Whether the server lets nobody in without. Raises SinkUnavailable and SinkMisconfigured."""
    client = _client(settings, "")
    try:
        Buckets(client, settings.org).find(settings.bucket)
    except SinkMisconfigured as error:
        if error.status in _NO_RIGHT:
            return True
        raise
    finally:
        client.close()
    return False


def prepare(
    settings: InfluxSettings, site: Site, *, admin: str, files: Keeping, alter: bool = False
) -> Iterator[Step]:
    """Make what is missing; yields each step once it is done.

    `admin`: an administrator's token, with 1.x `user:password`; empty where the server asks for none. `alter`:
    give buckets that keep their points for another time that of the settings.

    Raises SinkUnavailable, SinkMisconfigured and RequestRefused; what was told before is done.
    """
    client = _client(settings, admin)
    try:
        yield from _Preparation(settings, site, client, files=files, guarded=bool(admin)).run(alter=alter)
    finally:
        client.close()


def _client(settings: InfluxSettings, token: str) -> "InfluxClient":
    from monitor.sinks.influxdb.client import InfluxClient

    return InfluxClient(replace(settings, token=token))


class _Preparation:
    """One InfluxDB. `guarded`: it asks for a password."""

    def __init__(
        self, settings: InfluxSettings, site: Site, client: "InfluxClient", *, files: Keeping, guarded: bool
    ) -> None:
        self._settings = settings
        self._site = site.id
        self._reads = site.access.pseudonyms  # they can be erased again only by somebody who finds them
        self._buckets = Buckets(client, settings.org)
        self._files = files
        self._guarded = guarded

    def run(self, *, alter: bool) -> Iterator[Step]:
        self._files.check()
        generation = self._buckets.generation
        for name, retention in self._settings.buckets.items():
            yield self._bucket(name, retention, alter=alter)
        if generation == 1:
            yield from self._users()
        elif generation == 2:  # noqa: PLR2004 - 1, 2, 3
            yield from self._tokens()
        else:
            yield from self._only_told()

    def _step(self, what: str, state: str, told: str, what_to_do: str = "") -> Step:
        return Step(sink=self._settings.id, what=what, state=state, told=told, what_to_do=what_to_do)

    # Buckets ---------------------------------------------------------------------------------------------

    def _bucket(self, name: str, retention: float | None, *, alter: bool) -> Step:
        known = self._buckets.find(name)
        if known is None:
            self._buckets.create(name, retention)
            return self._step("bucket", "made", f"{name}, which keeps its points {_for(retention)}")
        if retention is None or self._agrees(known, retention):
            lasting = _for(known.retention) if known.told else "for a time that this server does not tell"
            return self._step("bucket", "kept", f"{name} is there and keeps its points {lasting}")
        if alter:
            self._buckets.alter(known, retention)
            return self._step("bucket", "changed", f"{name} keeps its points {_for(retention)} from now on")
        lasting = _for(known.retention) if known.told else "for a time that this server does not tell"
        told = f"{name} is there and keeps its points {lasting}, not {_for(retention)}"
        return self._step("bucket", "left", told, "say it with --alter-retention: what is older goes")

    @staticmethod
    def _agrees(known: Bucket, retention: float) -> bool:
        return known.told and known.retention is not None and abs(known.retention - retention) <= 1

    # 1.x: users ------------------------------------------------------------------------------------------

    def _users(self) -> Iterator[Step]:
        token, mine = self._settings.token, ""
        known = {str(row.get("user", "")): row.get("admin") is True for row in self._buckets.query("SHOW USERS")}
        if token:
            mine, colon, _ = token.partition(":")
            if not colon:
                raise Refused("with InfluxDB 1.x the token is user:password", what_to_do="mend `token`")
        elif self._settings.secret:
            mine = self._free("monitor", known)
            token = f"{mine}:{secrets.token_urlsafe(24)}"
            yield self._step("token", "made", f"kept in {self._files.keep_token(token)}")
        elif self._guarded:
            raise Refused(
                "the server asks for a password and the site file names no token",
                what_to_do="write `token: !secret influxdb` in `sinks.influxdb`, then say this again",
            )
        if mine:
            yield from self._user(mine, token.partition(":")[2], known, "ALL" if self._reads else "WRITE")
        else:
            yield self._step("user", "kept", "none: the server wants no password, the site file names none")
        yield from self._grafana_1x(known, wanted=bool(mine))

    def _grafana_1x(self, known: dict[str, bool], *, wanted: bool) -> Iterator[Step]:
        kept = self._files.grafana()
        name, password = kept.get(USER, ""), kept.get(PASSWORD, "")
        if wanted and not (name and password):
            name, password = self._free("grafana", known), secrets.token_urlsafe(24)
        yield self._grafana(kept, name, password)
        if name:
            yield from self._user(name, password, known, "READ")

    def _free(self, name: str, known: Mapping[str, bool]) -> str:
        """A name for a user that nobody has yet: who has it may be another site's, with a password of its own."""
        names = [name, f"{name}-{self._site}", f"{name}-{self._site}-{self._settings.id}"]
        found = next((each for each in names if each not in known), None)
        if found is None:
            raise Refused(
                f"the users {', '.join(names)} are there, and their passwords are not known here",
                what_to_do="put the right one into the secret as user:password, or drop a user that is not needed",
            )
        return found

    def _user(self, name: str, password: str, known: dict[str, bool], right: str) -> Iterator[Step]:
        if name not in known:
            escaped = password.replace("\\", "\\\\").replace("'", "\\'")
            self._buckets.query(f"CREATE USER {quoted(name)} WITH PASSWORD '{escaped}'")
            known[name] = False
            yield self._step("user", "made", name)
        elif self._guarded and not self._is_let_in(f"{name}:{password}"):
            advice = "put its password where it is kept, or change it with `SET PASSWORD FOR`"
            yield self._step("user", "left", f"{name} has another password than the one kept here", advice)
        else:
            yield self._step("user", "kept", f"{name} is there")
        if known[name]:
            told = f"{name} is an administrator and may do everything: more than is needed"
            yield self._step("right", "kept", told)
            return
        rows = self._buckets.query(f"SHOW GRANTS FOR {quoted(name)}")
        held = {str(row.get("database", "")): str(row.get("privilege", "")) for row in rows}
        for bucket in self._settings.buckets:
            has = held.get(bucket, "NO PRIVILEGES")
            if has in {right, "ALL PRIVILEGES"}:
                yield self._step("right", "kept", f"{name} has {has} on {bucket}")
                continue
            more = right if has == "NO PRIVILEGES" else "ALL"
            self._buckets.query(f"GRANT {more} ON {quoted(bucket)} TO {quoted(name)}")
            yield self._step("right", "made", f"{name} has {more} on {bucket}")

    def _is_let_in(self, token: str) -> bool:
        client = _client(self._settings, token)
        try:
            Buckets(client, self._settings.org).query("SHOW DATABASES")
        except SinkMisconfigured as error:
            if error.status in _NO_RIGHT:
                return False
            raise
        finally:
            client.close()
        return True

    # 2.x: tokens -----------------------------------------------------------------------------------------

    def _tokens(self) -> Iterator[Step]:
        found = [self._buckets.find(name) for name in self._settings.buckets]
        idents = [each.ident for each in found if each is not None]
        if len(idents) < len(found):
            raise SinkUnavailable("a bucket that was made is not there")
        token = self._settings.token
        if token and self._may_write(token):
            yield self._step("token", "kept", "the monitor's may write to the buckets")
        elif token or not self._settings.secret:
            told = "the token of the site file may not write" if token else "the site file names no token"
            advice = "take its secret away" if self._settings.secret else "write `token: !secret influxdb`"
            yield self._step("token", "left", told, f"{advice}, then say this again: one is made")
        else:
            actions = ("write", "read") if self._reads else ("write",)
            place = self._files.keep_token(self._token("write", idents, actions))
            yield self._step("token", "made", f"the monitor's, which may {' and '.join(actions)}; kept in {place}")
        kept = self._files.grafana()
        password = kept.get(PASSWORD, "")
        if password and self._may_read(password):
            yield self._step("token", "kept", "Grafana's may read the buckets")
        else:
            password = self._token("read", idents, ("read",))
            yield self._step("token", "made", "Grafana's, which may read")
        yield self._grafana(kept, kept.get(USER) or "grafana", password)

    def _may_write(self, token: str) -> bool:
        """Whether a token may write to every bucket: found out by a write without lines."""
        client = _client(self._settings, token)
        try:
            for name in self._settings.buckets:
                with contextlib.suppress(SinkRejected):  # a 400: it holds no points
                    client.write(name, b"", lines=1)
        except SinkMisconfigured as error:
            if error.status in _NO_RIGHT | {_NOT_FOUND}:
                return False
            raise
        finally:
            client.close()
        return True

    def _may_read(self, token: str) -> bool:
        """Whether a token is let in to ask; what InfluxQL says beside that is no matter of rights."""
        client = _client(self._settings, token)
        buckets = Buckets(client, self._settings.org)
        try:
            for name in self._settings.buckets:
                buckets.query("SHOW MEASUREMENTS LIMIT 1", name)
        except SinkMisconfigured as error:
            return error.status not in _NO_RIGHT
        finally:
            client.close()
        return True

    def _token(self, what: str, idents: Sequence[str], actions: Sequence[str]) -> str:
        org = self._buckets.org_id
        told: dict[str, Any] = {
            "orgID": org,
            "description": f"facility-monitor {self._site} {self._settings.id}: {what}",
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

    # 3.x: nothing that this can make -----------------------------------------------------------------------

    def _only_told(self) -> Iterator[Step]:
        names = ",".join(self._settings.buckets)
        for whose, right, place in (
            ("the monitor", "write", f"the secret {self._settings.secret or 'influxdb'}"),
            ("Grafana", "read", PASSWORD),
        ):
            if whose == "the monitor" and self._settings.token:
                yield self._step("token", "kept", "the monitor's is in the site file")
                continue
            advice = (
                f'Enterprise: `influxdb3 create token --permission "db:{names}:{right}" --name {self._site}`;'
                f" Core, whose tokens may do everything: `influxdb3 create token --admin`; put it into {place}"
            )
            yield self._step(
                "token", "left", f"InfluxDB 3 lets tokens be made by its own command: {whose}'s", advice
            )
        kept = self._files.grafana()
        yield self._grafana(kept, kept.get(USER) or "grafana", kept.get(PASSWORD, ""))

    # Grafana ---------------------------------------------------------------------------------------------

    def _grafana(self, kept: Mapping[str, str], user: str, password: str) -> Step:
        settings = self._settings
        wanted = {URL: settings.url, BUCKET: settings.bucket, USER: user, PASSWORD: password}
        state = "kept" if {name: kept.get(name) for name in wanted} == wanted else "changed" if kept else "made"
        place = self._files.keep_grafana({**kept, **wanted})
        told = f"what Grafana needs is in {place}"
        usual = settings.access_bucket == f"{settings.bucket}-access"
        if usual or settings.access_bucket not in settings.buckets:
            return self._step("grafana", state, told)
        advice = f"write `dbName: {settings.access_bucket}` for Facility access in Grafana's provisioning"
        return self._step("grafana", state, told, advice)


def _for(retention: float | None) -> str:
    return in_words(retention) if retention is None else f"for {in_words(retention)}"
