"""The demo: simulated servers in a process of their own, the real daemon, a caretaker, and what it came to."""

import asyncio
import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import config
from monitor.app import load_site
from monitor.cli.client import Client, NoDaemon
from monitor.cli.compared import Before, Compared, compare, lines
from monitor.cli.influxaddress import influx_keys
from monitor.cli.output import with_unit
from monitor.cli.portchoice import with_free_ports
from monitor.cli.simulating import READY, REST, TRUTH, TRUTH_EVERY
from monitor.daemon import Daemon, holding, run_daemon
from monitor.errors import FacilityMonitorError, SettingsError
from monitor.meters import billed_counter
from monitor.site import Site

if TYPE_CHECKING:
    from monitor.app.seeding import Month

__all__ = ["Showcase"]

_ADMINISTRATOR = "admin"
_TRIES = 3
_NOT_IN_ORDER = 78
"""With what the simulated servers end when they cannot listen."""
_SINKS = "\nsinks:\n  influxdb: "
_SHIPPED = Path(config.__path__[0]) / "demo.yaml"
_SETTLES = 15.0
_GRACE = 3.0
_HESITATION_MS = 6_000
"""How long the simulated caretaker takes before he acknowledges."""
_SHOW_EVERY = 5.0
_OF_COUNTERS = frozenset({"counter_glitch", "counter_reset", "counter_rollover", "meter_replaced"})
_SHOWN = (
    ("main-electricity", "power_w", "power {:.0f} W"),
    ("main-electricity", "voltage_l2_v", "L2 {:.1f} V"),
    ("main-water", "flow_m3h", "water {:.2f} m³/h"),
    ("main-gas", "volume_m3", "gas {:.1f} m³"),
)
_READ_BY_HAND = ("garden-water", "volume_m3")
_READ_AFTER = 30.0
"""Seconds after which the simulated caretaker has read the meter that nobody can wire."""


@dataclass(kw_only=True)
class Showcase:
    """One run of the demo; `say` prints a line. State, site file, mails and log are in `folder`."""

    folder: Path
    seconds: float | None
    report: Path | None
    influxdb: str | None
    caretaker: bool
    seed_days: int | None = None
    say: Callable[[str], None]
    _site: Site = field(init=False)
    _before: Before = field(init=False)
    _month: "Month | None" = field(default=None, init=False)
    _truth: dict[str, Any] = field(default_factory=dict, init=False)
    """What really happened in the simulated house."""

    def run(self) -> None:
        """Run it until told to end, or for `seconds`."""
        from monitor.programlog import write_log_to
        from monitor.simulation.mailbox import Mailbox

        self._try_report()
        with holding(self.folder), (self.folder / "demo.log").open("a", encoding="utf-8") as log:
            write_log_to(log)
            self._site = load_site(self._site_file()).site
            self._month = self._past(self._site)
            if self.seconds == 0:
                return
            site_file, simulation = self._simulation()
            self._site = site = load_site(site_file).site
            mail = re.search(r"mailto://127\.0\.0\.1:(\d+)", site_file.read_text(encoding="utf-8"))
            mailbox = Mailbox(self.folder / "mailbox", int(mail[1]) if mail else 0)
            try:
                mailbox.start()
                self._before = Before.now(self.folder)
                self._greet(len(site.devices))
                run_daemon(
                    Daemon(site=site, folder=self.folder, file=site_file), partial(self._beside, simulation)
                )
            finally:
                simulation.kill()
                simulation.wait()
                mailbox.stop()

    def _past(self, site: Site) -> "Month | None":
        """The past that the state folder has, filled in now where that is wished."""
        from monitor.app.seeding import month_of

        if self.seed_days is None:
            return month_of(self.folder)
        from monitor.cli.pastmonth import give_past, what_next

        month = give_past(site, self.folder, self.seed_days, self.say)
        for line in what_next(self.folder, is_over=self.seconds == 0):
            self.say(line)
        return month

    def _try_report(self) -> None:
        """Try the report's file now rather than at the end."""
        try:
            if self.report is not None:
                self.report.open("a").close()
        except OSError as error:
            raise SettingsError(f"{error.filename} cannot be written: {error.strerror}") from error

    def _greet(self, devices: int) -> None:
        option = f"--state {self.folder}"
        self.say(f"A simulated house with {devices} devices on this machine; its state is in {self.folder}")
        self.say("In a second terminal:")
        for command in (
            "status",
            "devices",
            "readings main-electricity --follow",
            "alarms",
            "alarms ack OCCURRENCE",
            "meter list",
            "meter show main-water",
            "report usage --period today",
            "access doors",
            "access rollcall",
            "equipment",
            "report access --period today",
        ):
            self.say(f"  .venv/bin/facility-monitor {command} {option}")
        self.say(f"Mails arrive in {self.folder / 'mailbox'}, the program's log is {self.folder / 'demo.log'}")
        self.say("")

    def _site_file(self) -> Path:
        """The shipped site, with other ports where those are taken, and InfluxDB where that was ever wished."""
        path = self.folder / "site.yaml"
        text = with_free_ports(_SHIPPED.read_text(encoding="utf-8"))
        if self.influxdb is not None:
            text += f"{_SINKS}{json.dumps(influx_keys(self.influxdb))}\n"
        elif path.exists():
            _, begins, known = path.read_text(encoding="utf-8").partition(_SINKS)
            text += begins + known
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        return path

    def _simulation(self) -> tuple[Path, "subprocess.Popen[bytes]"]:
        """Start the simulated servers, which somebody may take a port from meanwhile; all of them listen then."""
        for tries in range(_TRIES):
            site_file = self._site_file()
            simulation = self._simulate(site_file)
            assert simulation.stdout is not None
            if simulation.stdout.readline().decode().rstrip() == READY:
                return site_file, simulation
            status = simulation.wait()
            if status != _NOT_IN_ORDER or tries == _TRIES - 1:
                break
        raise SettingsError(f"the simulated servers ended with status {status}; see their message above")

    def _simulate(self, site_file: Path) -> "subprocess.Popen[bytes]":
        options = ["--incidents", "--residents", str(site_file.with_name("residents.json"))]
        if self._month is not None:
            began = datetime.fromtimestamp(self._month.stories / 1000, self._site.timezone)
            options += ["--month-from", f"{began:%Y-%m-%d}"]
        command = [sys.executable, "-m", "monitor", "simulate", str(site_file), *options]
        return subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603 - this program itself

    async def _beside(self, simulation: "subprocess.Popen[bytes]") -> None:
        async with asyncio.TaskGroup() as tasks:
            relay = tasks.create_task(self._relay(simulation), name="simulation")
            shown = tasks.create_task(self._show(), name="shown readings")
            counters = tasks.create_task(self._tell_of_counters(), name="events of counters")
            invited = tasks.create_task(self._invite(), name="console")
            caring = [
                tasks.create_task(care(), name="caretaker")
                for care in ((self._take_care, self._read_by_hand) if self.caretaker else ())
            ]
            if self.seconds is not None:
                await asyncio.sleep(self.seconds)
                await self._write_report(simulation)
                for task in (relay, shown, counters, invited, *caring):
                    task.cancel()

    async def _relay(self, simulation: "subprocess.Popen[bytes]") -> None:
        """Say what happens in the simulated house; a simulation that fails ends the demo."""
        assert simulation.stdout is not None
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), simulation.stdout)
        async for line in reader:
            text = line.decode(errors="replace").rstrip()
            if text.startswith(TRUTH):
                self._truth = json.loads(text.removeprefix(TRUTH))
            else:
                self._tell(text)
        await asyncio.sleep(_GRACE)  # Ctrl-C ends both processes; then this is cancelled
        raise FacilityMonitorError("the simulated servers have ended; see their message above")

    async def _show(self) -> None:
        while True:
            await asyncio.sleep(_SHOW_EVERY)
            parts = []
            for device, point, form in _SHOWN:
                facts = await self._ask("devices", device)
                value = (facts or {}).get("points", {}).get(point, {}).get("value")
                if value is not None:
                    parts.append(form.format(value))
            today = await self._ask("meters", _SHOWN[0][0], "usage") or ()
            parts += [f"used today {used['amount']:.3f} {used['unit']}" for used in today if used["amount"]]
            if parts:
                self._tell(", ".join(parts))

    async def _invite(self) -> None:
        """Say where the console is, how to get in, and where residents report."""
        console = self._site.console
        if console is None:
            return
        users = None
        while users is None:
            await asyncio.sleep(0.2)
            users = await self._ask("users")
        where = f"console: http://{console.host}:{console.port}"
        if any(each["login"] == _ADMINISTRATOR and each["has_password"] for each in users):
            option = f"--state {self.folder}"
            forgotten = f"facility-monitor user link {_ADMINISTRATOR} {option}"
            self._tell(f"{where}, login {_ADMINISTRATOR}; when the password is forgotten: {forgotten}")
        else:
            try:
                link = await asyncio.to_thread(
                    lambda: Client(None, self.folder).post("users", _ADMINISTRATOR, "link", body={})
                )
            except FacilityMonitorError as refused:
                self._tell(f"{where}: {refused}")
            else:
                self._tell(f"{where}: choose a password for {_ADMINISTRATOR} here, once: {link['url']}")
        for label in (await self._ask("labels", kind="places") or ())[:1]:
            codes = f"the codes of all places: http://{console.host}:{console.port}/labels"
            self._tell(f"residents: report at {label['address']} ({label['name']}); {codes}")

    async def _take_care(self) -> None:
        """Acknowledge what waits for it, with the command that a person would type."""
        while True:
            await asyncio.sleep(1)
            now = time.time() * 1000
            for alarm in await self._ask("alarms") or ():
                is_waiting = alarm["response"] == "unacked" and now - alarm["raised_at"] > _HESITATION_MS
                if is_waiting or alarm["normal"]:
                    await self._acknowledge(alarm)

    async def _acknowledge(self, alarm: dict[str, Any]) -> None:
        reason = "it is over; reset" if alarm["normal"] else "on my way"
        what = f"{alarm['rule']}, {alarm['device']}"
        await self._type(what, "alarms", "ack", alarm["occurrence"], "--reason", reason, shown=3)

    async def _tell_of_counters(self) -> None:
        """Say what counters did, as the daemon has seen it since this start."""
        told = time.time() * 1000
        while True:
            await asyncio.sleep(1)
            for event in await self._ask("events", last=50) or ():
                if event["kind"] in _OF_COUNTERS and event["arrived"] > told:
                    told = event["arrived"]
                    self._tell(f"event {event['kind']} ({event['device']}): {event['attributes']['why']}")

    async def _read_by_hand(self) -> None:
        """Enter what the meter shows that nobody can wire; the first time an older reading, too."""
        from monitor.app.seeding import stories_of
        from monitor.simulation.truth import Truth
        from monitor.simulation.world import World

        await asyncio.sleep(_READ_AFTER)
        ident, point = _READ_BY_HAND
        world = World(self._site, stories=stories_of(self.folder, self._site))
        truth = Truth(world, self._site.devices[ident])
        meter = await self._ask("meters", ident)
        if meter is not None and not any(counter["time"] for counter in meter["counters"]):
            then = (datetime.now(self._site.timezone) - timedelta(days=1)).replace(minute=0, second=0)
            register = f"{truth.register(point, then.timestamp() // 1):.3f}"
            await self._type(ident, "meter", "enter", ident, register, "--at", f"{then:%Y-%m-%d %H:%M}")
        await self._type(ident, "meter", "enter", ident, f"{truth.register(point, time.time()):.3f}")

    async def _type(self, about: str, *words: str, shown: int | None = None) -> None:
        """Let the caretaker type a command, of which so many words are shown."""
        self._tell(f"caretaker ({about}): facility-monitor {shlex.join(words[:shown])}")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "monitor", *words, "--state", str(self.folder)),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    def _tell(self, text: str) -> None:
        """Say something with the time, in the zone of the site as in the messages."""
        self.say(f"{datetime.now(self._site.timezone):%H:%M:%S}  {text}")

    async def _ask(self, *path: str, **query: Any) -> Any:
        """Ask the daemon over its own socket; None while it does not answer yet."""
        try:
            return await asyncio.to_thread(lambda: Client(None, self.folder).get(*path, **query))
        except NoDaemon:
            return None

    async def _compare(self, simulation: "subprocess.Popen[bytes]") -> Compared:
        """What happened in this run: by the monitor, and by the simulated house itself."""
        simulation.send_signal(REST)  # somebody may be on his way
        deadline = time.monotonic() + _SETTLES
        while True:
            await asyncio.sleep(2 * TRUTH_EVERY)
            both, agree = await compare(self._ask, self._before, self._truth)
            if (agree and not self._truth.get("passing")) or time.monotonic() > deadline:
                return both

    async def _write_report(self, simulation: "subprocess.Popen[bytes]") -> None:
        from monitor.cli.report import summary

        status = await self._ask("status")
        told = await summary(self.folder, self._site, status or {})
        self._tell(f"{told['readings']} readings, {told['events']} events, {len(told['alarms'])} alarms")
        self._tell("people, doors, pumps and the supply, by the monitor and by the simulated house itself:")
        told["compared"] = await self._compare(simulation)
        for what, by_monitor, truly in lines(told["compared"]):
            self.say(f"          {what:<23} {by_monitor:>12} {truly:>17}")
        self._tell("used since the meters were first read, by the ledger and by the simulated meters themselves:")
        for each in told["used"]:
            if each["point"] == billed_counter(self._site.devices[each["device"]]) and each["true"] is not None:
                counted, truly = (with_unit(f"{each[name]:.6f}", each["unit"]) for name in ("used", "true"))
                self.say(f"          {each['device']:<18} {counted:>17} {truly:>17}")
        if self.report is not None:
            self.report.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
