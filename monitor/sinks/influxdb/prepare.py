"""`influx setup`: makes what the monitor and Grafana need in an InfluxDB, with the rights of an administrator.

What is there already stays as it is, other people's passwords among it: said again, it changes nothing. Each step
is told once it is done, so that after an error it is known how far it came. Passwords are kept before the server
learns them: what broke off in between goes on with the same ones.
"""

import re
import secrets
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from monitor.errors import SinkUnavailable
from monitor.sinks.influxdb.buckets import Bucket, Buckets, Refused, in_words, quoted
from monitor.sinks.influxdb.tokens import NO_RIGHT, Tokens, connected
from monitor.sinks.rejection import SinkMisconfigured
from monitor.site import InfluxSettings, Site

if TYPE_CHECKING:
    from monitor.sinks.influxdb.client import InfluxClient

__all__ = ["Keeping", "Step", "asks_for_password", "prepare"]

URL, BUCKET, USER, PASSWORD = (f"FACILITY_INFLUXDB_{name}" for name in ("URL", "BUCKET", "USER", "PASSWORD"))
ACCESS_USER, ACCESS_PASSWORD = "FACILITY_INFLUXDB_ACCESS_USER", "FACILITY_INFLUXDB_ACCESS_PASSWORD"
"""What the provisioning of Grafana takes from its environment: config/grafana/provisioning."""
_OURS: Final = re.compile(r"[A-Za-z0-9_-]{32}")
"""A password as _new_password makes them, and as nobody thinks one up."""
_NONE, _ALL = "NO PRIVILEGES", "ALL PRIVILEGES"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that was looked after. `state`: made, changed, kept (as it was) or left, with what to do."""

    sink: str
    what: str
    state: str
    told: str
    what_to_do: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """As whom Grafana reads one bucket: the usual name, and the variables in which that is kept for it."""

    bucket: str
    usual: str
    user: str
    password: str
    whose: str


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
    client = connected(settings, "")
    try:
        Buckets(client, settings.org).find(settings.bucket)
    except SinkMisconfigured as error:
        if error.status in NO_RIGHT:
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
    client = connected(settings, admin)
    try:
        yield from _Preparation(settings, site, client, files=files, guarded=bool(admin)).run(alter=alter)
    finally:
        client.close()


def _readers(settings: InfluxSettings) -> Sequence[_Reader]:
    """One for each bucket: whoever may ask in the name of the first is not to see doors and cards."""
    usual = _Reader(bucket=settings.bucket, usual="grafana", user=USER, password=PASSWORD, whose="Grafana's")
    if len(settings.buckets) == 1:
        return [usual]
    doors = _Reader(
        bucket=settings.access_bucket,
        usual="grafana-access",
        user=ACCESS_USER,
        password=ACCESS_PASSWORD,
        whose="Grafana's for doors and cards",
    )
    return [usual, doors]


def _new_password() -> str:
    return secrets.token_urlsafe(24)


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
        self._readers = _readers(settings)
        self._tokens = Tokens(settings, self._buckets)

    def run(self, *, alter: bool) -> Iterator[Step]:
        self._files.check()
        generation = self._buckets.generation
        for name, retention in self._settings.buckets.items():
            yield self._bucket(name, retention, alter=alter)
        if generation == 1:
            yield from self._users()
        elif generation == 2:  # noqa: PLR2004 - 1, 2, 3
            yield from self._tokens_2x()
        else:
            yield from self._only_told()
        yield from self._exposed()

    def _step(self, what: str, state: str, told: str, what_to_do: str = "") -> Step:
        return Step(sink=self._settings.id, what=what, state=state, told=told, what_to_do=what_to_do)

    def _exposed(self) -> Iterator[Step]:
        """Say it where doors and cards are open to more people than need be."""
        doors = self._settings.access_bucket
        if doors not in self._settings.buckets:
            return
        if not self._guarded:
            told = f"the server asks nobody for a password: whoever reaches it, or Grafana, can read {doors}"
            yield self._step("right", "kept", told, "docs/influxdb.md says how passwords are switched on")
        elif len(self._readers) == 1:
            told = f"doors and cards are in {doors} beside all else: whoever may ask in Grafana can see them"
            yield self._step("right", "kept", told, "give `access_bucket` a name of its own")

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
            token = f"{mine}:{_new_password()}"
            yield self._step("token", "made", f"kept in {self._files.keep_token(token)}")
        elif self._guarded:
            raise Refused(
                "the server asks for a password and the site file names no token",
                what_to_do="write `token: !secret influxdb` in `sinks.influxdb`, then say this again",
            )
        right = "ALL" if self._reads else "WRITE"
        if mine:
            yield from self._user(mine, token.partition(":")[2], known, right, self._settings.buckets)
        else:
            yield self._step("user", "kept", "none: the server wants no password, the site file names none")
        yield from self._grafana_1x(known, wanted=bool(mine))

    def _grafana_1x(self, known: dict[str, bool], *, wanted: bool) -> Iterator[Step]:
        kept = self._files.grafana()
        wanted = wanted or bool(kept.get(USER) and kept.get(PASSWORD))
        chosen: dict[str, str] = {}
        for each in self._readers:
            name, password = kept.get(each.user, ""), kept.get(each.password, "")
            if wanted and not (name and password):
                name, password = self._free(each.usual, {*known, *chosen.values()}), _new_password()
            chosen |= {each.user: name, each.password: password}
        yield self._grafana(kept, chosen)
        if not wanted:
            return
        if chosen[USER] == chosen.get(ACCESS_USER):
            advice = f"take both {ACCESS_USER} and {ACCESS_PASSWORD} away there, then say this again: one is made"
            yield self._step("user", "left", f"Grafana reads doors and cards as {chosen[USER]}, too", advice)
            return
        for each in self._readers:
            yield from self._user(chosen[each.user], chosen[each.password], known, "READ", [each.bucket])
        if self._settings.access_bucket != self._settings.bucket:  # it may be there from before, unwritten now
            is_admin = known[chosen[USER]] and len(self._readers) > 1
            yield from self._apart(chosen[USER], chosen[PASSWORD], is_admin=is_admin)

    def _apart(self, name: str, password: str, *, is_admin: bool) -> Iterator[Step]:
        """Take doors and cards from the reader of all else: setup gave it both, before there was one for them.

        Only from a user that setup has made: its name and a password as only setup makes them are Grafana's.
        """
        doors = self._settings.access_bucket
        if is_admin:
            advice = f"take {USER} and {PASSWORD} out of Grafana's file, then say this again: one is made"
            yield self._step("right", "left", f"whoever may ask in Grafana asks as {name}, and sees doors", advice)
            return
        held = self._grants(name).get(doors, _NONE)
        if held not in {"READ", _ALL}:
            return
        revoke = f"REVOKE READ ON {quoted(doors)} FROM {quoted(name)}"
        is_ours = name in self._names("grafana") and _OURS.fullmatch(password) is not None
        if held == "READ" and is_ours and (not self._guarded or self._is_let_in(f"{name}:{password}")):
            self._buckets.query(revoke)
            yield self._step("right", "changed", f"{name} may no longer read {doors}")
            return
        told = f"{name} has {held} on {doors}: whoever may ask in Grafana can see doors and cards"
        yield self._step("right", "left", told, f"if nothing else needs it, in the shell `influx`: {revoke}")

    def _names(self, name: str) -> Sequence[str]:
        return [name, f"{name}-{self._site}", f"{name}-{self._site}-{self._settings.id}"]

    def _free(self, name: str, known: Container[str]) -> str:
        """A name for a user that nobody has yet: who has it may be another site's, with a password of its own."""
        names = self._names(name)
        found = next((each for each in names if each not in known), None)
        if found is None:
            raise Refused(
                f"the users {', '.join(names)} are there, and their passwords are not known here",
                what_to_do="put the right one into the secret as user:password, or drop a user that is not needed",
            )
        return found

    def _user(
        self, name: str, password: str, known: dict[str, bool], right: str, buckets: Iterable[str]
    ) -> Iterator[Step]:
        if name not in known:
            escaped = password.replace("\\", "\\\\").replace("'", "\\'")
            self._buckets.query(f"CREATE USER {quoted(name)} WITH PASSWORD '{escaped}'")
            known[name] = False
            yield self._step("user", "made", name)
        elif self._guarded and not self._is_let_in(f"{name}:{password}"):
            advice = "put its password where it is kept, or change it with `SET PASSWORD FOR`"
            yield self._step("user", "left", f"{name} has another password than the one kept here", advice)
            return  # it may be somebody else's
        else:
            yield self._step("user", "kept", f"{name} is there")
        if known[name]:
            told = f"{name} is an administrator and may do everything: more than is needed"
            yield self._step("right", "kept", told)
            return
        held = self._grants(name)
        for bucket in buckets:
            has = held.get(bucket, _NONE)
            if has in {right, _ALL}:
                yield self._step("right", "kept", f"{name} has {has} on {bucket}")
                continue
            more = right if has == _NONE else "ALL"
            self._buckets.query(f"GRANT {more} ON {quoted(bucket)} TO {quoted(name)}")
            yield self._step("right", "made", f"{name} has {more} on {bucket}")

    def _grants(self, name: str) -> Mapping[str, str]:
        """What a user may do, by database."""
        rows = self._buckets.query(f"SHOW GRANTS FOR {quoted(name)}")
        return {str(row.get("database", "")): str(row.get("privilege", "")) for row in rows}

    def _is_let_in(self, token: str) -> bool:
        client = connected(self._settings, token)
        try:
            Buckets(client, self._settings.org).query("SHOW DATABASES")
        except SinkMisconfigured as error:
            if error.status in NO_RIGHT:
                return False
            raise
        finally:
            client.close()
        return True

    # 2.x: tokens -----------------------------------------------------------------------------------------

    def _tokens_2x(self) -> Iterator[Step]:
        found = {name: self._buckets.find(name) for name in self._settings.buckets}
        idents = {name: each.ident for name, each in found.items() if each is not None}
        if len(idents) < len(found):
            raise SinkUnavailable("a bucket that was made is not there")
        token = self._settings.token
        if token and self._tokens.may_write(token, self._settings.buckets):
            yield self._step("token", "kept", "the monitor's may write to the buckets")
        elif token or not self._settings.secret:
            told = "the token of the site file may not write" if token else "the site file names no token"
            advice = "take its secret away" if self._settings.secret else "write `token: !secret influxdb`"
            yield self._step("token", "left", told, f"{advice}, then say this again: one is made")
        else:
            actions = ("write", "read") if self._reads else ("write",)
            place = self._files.keep_token(self._tokens.make(self._for("write"), idents.values(), actions))
            yield self._step("token", "made", f"the monitor's, which may {' and '.join(actions)}; kept in {place}")
        kept = self._files.grafana()
        chosen: dict[str, str] = {}
        yield from self._apart_2x(kept.get(PASSWORD, ""))
        for each in self._readers:
            token = kept.get(each.password, "")
            if token and self._tokens.may_read(token, each.bucket):
                yield self._step("token", "kept", f"{each.whose} may read {each.bucket}")
            else:
                token = self._tokens.make(self._for(f"read {each.bucket}"), [idents[each.bucket]], ("read",))
                yield self._step("token", "made", f"{each.whose}, which may read {each.bucket}")
            chosen |= {each.user: kept.get(each.user) or each.usual, each.password: token}
            self._files.keep_grafana({**kept, **chosen})  # the server does not tell it again
        yield self._grafana(kept, chosen)

    def _for(self, what: str) -> str:
        return f"facility-monitor {self._site} {self._settings.id}: {what}"

    def _apart_2x(self, token: str) -> Iterator[Step]:
        """Take back the token that reads all else, if it reads doors and cards, too, as setup once made it."""
        doors = self._settings.access_bucket
        if not token or len(self._readers) == 1:
            return
        if self._tokens.take_back(token, self._for("read")):
            yield self._step("token", "changed", f"Grafana's, which could read {doors} beside all else, is gone")
        elif self._tokens.sees(token, doors):
            told = f"Grafana's reads {doors} beside all else: whoever may ask in Grafana can see doors and cards"
            advice = f"take {PASSWORD} out of Grafana's file, say this again: one is made; then delete the old one"
            yield self._step("token", "left", told, advice)

    # 3.x: nothing that this can make -----------------------------------------------------------------------

    def _only_told(self) -> Iterator[Step]:
        kept = self._files.grafana()
        secret = f"the secret {self._settings.secret or 'influxdb'}"
        wanted = [("the monitor's", ",".join(self._settings.buckets), "write", secret, self._settings.token)]
        wanted += [
            (each.whose, each.bucket, "read", each.password, kept.get(each.password, "")) for each in self._readers
        ]
        for whose, buckets, right, place, token in wanted:
            if token:
                yield self._step("token", "kept", f"{whose} is there")
                continue
            told = f"InfluxDB 3 lets tokens be made by its own command: {whose}"
            advice = (
                f'Enterprise: `influxdb3 create token --permission "db:{buckets}:{right}" --name NAME`; Core,'
                " whose tokens may do everything, so that doors and cards are open to whoever can ask with one:"
                f" `influxdb3 create token --admin`; put it into {place}"
            )
            yield self._step("token", "left", told, advice)
        chosen = {each.user: kept.get(each.user) or each.usual for each in self._readers}
        yield self._grafana(kept, chosen | {each.password: kept.get(each.password, "") for each in self._readers})

    # Grafana ---------------------------------------------------------------------------------------------

    def _grafana(self, kept: Mapping[str, str], chosen: Mapping[str, str]) -> Step:
        settings = self._settings
        wanted = {URL: settings.url, BUCKET: settings.bucket, **chosen}
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
