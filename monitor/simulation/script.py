"""A file of faults: read with the place of every mistake, and played on a stage while it may be edited."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from drivers.modbus.connection import SERIAL
from monitor.documents.explain import validate
from monitor.documents.files import Files, folder_of
from monitor.documents.finding import Findings, nearest
from monitor.documents.node import Node, join
from monitor.errors import SettingsError
from monitor.settings import SettingsInvalid
from monitor.simulation import payload
from monitor.simulation.fault import CardModel, FaultModel, SetModel, Timed
from monitor.simulation.faults import FAULTS
from monitor.simulation.readers import Reader, is_polled_reader
from monitor.simulation.stage import Place, Stage
from monitor.simulation.unit import Unit
from monitor.simulation.world import Change
from monitor.site import Device, Site

__all__ = ["Script", "name_of", "read_faults"]

_STEP: Final = 0.05
_LOOK_EVERY: Final = 0.5


def read_faults(path: Path, site: Site) -> list[Timed]:
    """Read a file of faults for a site; raises SettingsInvalid with every mistake there is."""
    findings = Findings()
    files = Files(findings, folder=folder_of(path), environ=os.environ, credentials=None)
    root = files.read(path)
    found: list[Timed] = []
    if root is not None and not (root.kind == "scalar" and root.scalar is None):
        if root.kind != "list":
            findings.error(
                root, "", "a file of faults is a list, such as `- {device: main, fault: dead, for: 30 s}`"
            )
        for number, node in enumerate(root.items):
            one = _read(node, join("", number), site, findings)
            if one is not None:
                found.append(one)
    if findings.errors:
        raise SettingsInvalid(findings.errors)
    return found


def _read(node: Node, path: str, site: Site, findings: Findings) -> Timed | None:
    if node.kind != "mapping":
        findings.error(node, path, "write keys with values, such as `{device: main, fault: dead}`")
        return None
    for key, read in (("set", _read_set), ("card", _read_card)):
        if key in node.entries:
            return read(node, path, site, findings)
    return _read_fault(node, path, site, findings)


def _read_fault(node: Node, path: str, site: Site, findings: Findings) -> FaultModel | None:
    named = node.get("fault")
    if named is None:
        findings.error(node, path, "`fault` is missing (or `set`, for a value of your own, or `card`)")
        return None
    model = FAULTS.get(str(named.scalar)) if named.kind == "scalar" else None
    if model is None:
        findings.error(
            named,
            join(path, "fault"),
            f"`{str(named.scalar)[:60]}` is no fault",
            allowed=", ".join(FAULTS),
            hint=nearest(named.scalar, FAULTS),
        )
        return None
    fault = validate(model, node.only({"fault"}, but=True), path, findings, also=frozenset({"fault"}))
    if fault is None or not _fits(fault, str(named.scalar), node, path, site, findings):
        return None
    return fault


def _fits(  # noqa: PLR0913, PLR0917 - a check and all its circumstances
    fault: FaultModel, name: str, node: Node, path: str, site: Site, findings: Findings
) -> bool:
    """Whether the site has whom the fault meets, and whether it can meet that."""
    key = "device" if fault.device is not None else "connection"
    known: Mapping[str, object] = site.devices if key == "device" else site.connections
    wanted = fault.device or fault.connection or ""
    place, where = node.get(key) or node, join(path, key)
    if wanted not in known:
        findings.error(place, where, f"the site has no {key} `{wanted}`", hint=nearest(wanted, known))
        return False
    device = site.devices.get(fault.device or "")
    connection = site.connections.get(device.connection if device is not None else wanted)
    if connection is None or connection.driver not in fault.drivers:
        drivers = " and ".join(sorted(fault.drivers))
        speaks = "has no connection" if connection is None else f"speaks {connection.driver}"
        findings.error(place, where, f"`{name}` is for {drivers}, and `{wanted}` {speaks}")
        return False
    point = getattr(fault, "point", None)
    if device is not None and point is not None and point not in device.points:
        known = device.points
        findings.error(
            node.get("point") or node,
            join(path, "point"),
            f"`{wanted}` has no point `{point}`",
            hint=nearest(point, known),
        )
        return False
    if fault.needs == "line" and connection.options.transport not in SERIAL:
        findings.error(place, where, f"`{name}` is for serial lines (transports rtu and ascii)")
        return False
    if fault.needs == "availability" and device is not None and payload.availability(device, online=False) is None:
        findings.error(place, where, f"`{wanted}` has no `availability:` and so no last will")
        return False
    return True


def _read_set(node: Node, path: str, site: Site, findings: Findings) -> SetModel | None:
    wish = validate(SetModel, node, path, findings)
    if wish is None:
        return None
    inner = node.get("set") or node
    where = join(path, "set")
    device = site.devices.get(wish.set.device)
    if device is None:
        hint = nearest(wish.set.device, site.devices)
        place = inner.get("device") or inner
        findings.error(place, join(where, "device"), f"the site has no device `{wish.set.device}`", hint=hint)
        return None
    if wish.set.point not in device.points:
        hint = nearest(wish.set.point, device.points)
        place = inner.get("point") or inner
        findings.error(place, join(where, "point"), f"`{device.id}` has no point `{wish.set.point}`", hint=hint)
        return None
    reason = _unfit(device, wish, site)
    if reason:
        findings.error(inner.get("value") or inner, join(where, "value"), reason)
        return None
    return wish


def _read_card(node: Node, path: str, site: Site, findings: Findings) -> CardModel | None:
    wish = validate(CardModel, node, path, findings)
    if wish is None:
        return None
    inner, where = node.get("card") or node, join(path, "card")
    device = site.devices.get(wish.card.device)
    known = [each.id for each in site.devices.values() if is_polled_reader(each, site)]
    if device is None or device.id not in known:
        message = f"the site has no polled reader of cards `{wish.card.device}`"
        hint = nearest(wish.card.device, known)
        findings.error(inner.get("device") or inner, join(where, "device"), message, hint=hint)
        return None
    try:
        Reader(device, Unit(device)).check(wish.card.number)
    except (ValueError, OverflowError):
        message = "the reader cannot show this number: write it in the form that its profile has"
        findings.error(inner.get("number") or inner, join(where, "number"), message)
        return None
    return wish


def _unfit(device: Device, wish: SetModel, site: Site) -> str:
    """Why a device cannot show a value, if it cannot."""
    if not device.has_connection:
        return f"`{device.id}` has no connection: nobody asks it"
    if site.connections[device.connection].driver != "modbus":
        return ""
    try:
        Unit(device).put(wish.set.point, wish.set.value)
    except ValueError as error:
        return str(error)
    return ""


_NAMES: Final = {model: name for name, model in FAULTS.items()}


def name_of(fault: Timed) -> str:
    """A fault in a line: whom it meets, what it is."""
    if isinstance(fault, SetModel):
        return f"{fault.set.device}: {fault.set.point} = {fault.set.value}"
    if isinstance(fault, CardModel):
        return f"{fault.card.device}: a card is held to it"
    assert isinstance(fault, FaultModel)
    given = fault.model_dump(by_alias=True, exclude_defaults=True)
    for key in ("device", "connection", "from", "for", "every"):
        given.pop(key, None)
    details = ", ".join(
        f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}" for key, value in given.items()
    )
    return f"{fault.device or fault.connection}: {_NAMES[type(fault)]}" + (f" ({details})" if details else "")


@dataclass(slots=True, eq=False)
class _Playing:
    """A fault, when its clock began, and the episode that is on."""

    fault: Timed
    since: float
    episode: int | None = None
    changes: Mapping[str, Change] = field(default_factory=dict)


class Script:
    """Plays faults on a stage; `tell` hears one line whenever one begins or ends."""

    def __init__(self, stage: Stage, tell: Callable[[str], None]) -> None:
        self._stage = stage
        self._tell = tell
        self._playing: list[_Playing] = []
        self._stuck: set[str] = set()

    async def replace(self, faults: list[Timed], now: float) -> None:
        """Play these from now on: those that were there before go on, the clock of new ones begins."""
        left = list(self._playing)
        fresh = []
        for fault in faults:
            same = next((each for each in left if each.fault == fault), None)
            if same is not None:
                left.remove(same)
            fresh.append(same or _Playing(fault, now))
        for each in left:
            if each.episode is not None and not each.fault.is_momentary:
                self._tell(f"fault ends: {name_of(each.fault)}")
        self._playing = fresh
        await self._apply()

    async def step(self, now: float) -> None:
        """Let begin and end what is due (`now`: seconds of the clock that `replace` was told)."""
        changed = False
        for each in self._playing:
            episode = each.fault.episode(now - each.since)
            if episode == each.episode:
                continue
            changed = True
            if each.episode is not None and not each.fault.is_momentary:
                self._tell(f"fault ends: {name_of(each.fault)}")
            each.episode, each.changes = episode, {}
            if episode is not None:
                each.changes = each.fault.begin(self._stage, time.time())
                word = "happens" if each.fault.is_momentary else "begins"
                self._tell(f"fault {word}: {name_of(each.fault)}")
        if changed or self._stuck:
            await self._apply()

    async def _apply(self) -> None:
        stage = self._stage
        stage.mend()
        for each in self._playing:
            if each.episode is not None:
                each.fault.apply(stage)
                for device, change in each.changes.items():
                    stage.world.changes.setdefault(device, []).append(change)
        stage.show_cards()
        for connection, place in stage.places.items():
            if place.is_up == (connection in stage.away):
                await self._move(connection, place)

    async def _move(self, connection: str, place: Place) -> None:
        """Let a place go or come back; what does not come back is tried again."""
        try:
            await (place.stop() if place.is_up else place.start())
        except (OSError, SettingsError) as error:
            if connection not in self._stuck:
                self._tell(f"{connection} does not come back: {error}")
            self._stuck.add(connection)
        else:
            self._stuck.discard(connection)

    async def run(self, path: Path) -> None:
        """Play a file until cancelled, and read it again when it changes; a broken one changes nothing.

        Raises SettingsInvalid when it is broken from the beginning.
        """
        loop = asyncio.get_running_loop()
        stamp = _stamp(path)
        await self.replace(read_faults(path, self._stage.world.site), loop.time())
        looked = loop.time()
        while True:
            now = loop.time()
            if now >= looked + _LOOK_EVERY:
                looked = now
                if (newest := _stamp(path)) != stamp:
                    stamp = newest
                    await self._read_again(path, now)
            await self.step(now)
            await asyncio.sleep(_STEP)

    async def _read_again(self, path: Path, now: float) -> None:
        try:
            faults = read_faults(path, self._stage.world.site)
        except SettingsError as error:
            for line in str(error).splitlines():
                self._tell(line)
            self._tell(f"{path} is not as it should be: the faults read before go on")
            return
        self._tell(f"{path} is read again: {len(faults)} faults")
        await self.replace(faults, now)


def _stamp(path: Path) -> tuple[int, int, int]:
    """What tells that a file has changed."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_size, found.st_ino)
