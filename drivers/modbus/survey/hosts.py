"""Which addresses of a network answer Modbus TCP: many at once, in private networks."""

import asyncio
import ipaddress
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from drivers.modbus.connection import ConnectionModel
from drivers.modbus.survey.bus import OwnBus
from drivers.modbus.survey.scan import Found, Scan
from monitor.errors import RequestRefused
from monitor.wording import Sentence

__all__ = ["FIRST_UNITS", "HostFound", "HostScan", "parse_hosts"]

FIRST_UNITS: Final = (1, 255, 0)
"""What devices of their own network answer to, and gateways most often have behind them."""

_AT_ONCE: Final = 64
_MOST: Final = 1024
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFound:
    """An address where somebody listens; without `units` it did not answer to those that were asked."""

    host: str
    port: int
    units: tuple[Found, ...]
    trouble: str = ""

    @property
    def is_modbus(self) -> bool:
        """Whether anything that came was an answer."""
        return self.is_gateway or any(not unit.is_garbled for unit in self.units)

    @property
    def is_gateway(self) -> bool:
        """Whether it said of a unit that it does not reach it."""
        return self.trouble.startswith("exception ")


@dataclass(slots=True)
class HostScan:
    """One scan of some addresses; `found` grows as it goes on. `told` is called after each address.

    `units`: those that each address is asked for (None: until one of the usual ones answers).
    """

    hosts: Sequence[str]
    port: int = 502
    timeout: float = 1.0
    units: Sequence[int] | None = None
    told: Callable[[], None] = lambda: None
    found: list[HostFound] = field(default_factory=list)
    asked: int = 0

    async def run(self) -> None:
        """Ask every address, a bounded number of them at once."""
        left = iter(self.hosts)
        async with asyncio.TaskGroup() as tasks:
            for number in range(min(_AT_ONCE, len(self.hosts))):
                tasks.create_task(self._work(left), name=f"host scan {number}")
        self.found.sort(key=lambda found: ipaddress.ip_address(found.host).packed)

    async def _work(self, left: Iterator[str]) -> None:
        for host in left:
            await self._look_at(host)
            self.asked += 1
            self.told()

    async def _look_at(self, host: str) -> None:
        written = {"transport": "tcp", "host": host, "port": self.port, "timeout": f"{self.timeout:g} s"}
        async with OwnBus(ConnectionModel.model_validate(written)) as bus:
            scan = Scan(bus, FIRST_UNITS if self.units is None else self.units)
            try:
                await scan.run(most=1 if self.units is None else 256)
            except RequestRefused:
                if not scan.asked and not scan.found:
                    return
            self.found.append(HostFound(host=host, port=self.port, units=tuple(scan.found), trouble=scan.trouble))

    @property
    def longest(self) -> float:
        """Seconds that it takes at most while nobody listens, or few do."""
        rounds = -(-len(self.hosts) // _AT_ONCE)
        return rounds * self.timeout


def parse_hosts(text: str, *, force: bool = False) -> list[str]:
    """Read addresses and ranges: `10.0.0.0/24`, `10.0.0.5-40`, `10.0.0.7`. Raises RequestRefused.

    Only private ranges, unless with `force`; never more than a /22.
    """
    hosts: list[_Address] = []
    for part in text.split(","):
        hosts += _range(part.strip())
        if len(hosts) > _MOST:
            raise RequestRefused(
                Sentence("{part}: at most {count} addresses at once, a /22", part=part.strip(), count=_MOST)
            )
    public = next((host for host in hosts if not host.is_private), None)
    if public is not None and not force:
        raise RequestRefused(
            Sentence(
                "{public} is no private address: scanning the networks of others is forbidden in "
                "many places. With --force it is done all the same",
                public=str(public),
            )
        )
    return [str(host) for host in dict.fromkeys(hosts)]


def _range(text: str) -> list[_Address]:
    first, dash, last = text.partition("-")
    try:
        if dash:
            begin = ipaddress.IPv4Address(first.strip())
            end = last.strip()
            stop = ipaddress.IPv4Address(end if "." in end else f"{str(begin).rpartition('.')[0]}.{end}")
            if not 0 <= int(stop) - int(begin) < _MOST:
                raise RequestRefused(
                    Sentence(
                        "{text}: the lower address first, and at most {count} of them", text=text, count=_MOST
                    )
                )
            return [ipaddress.IPv4Address(number) for number in range(int(begin), int(stop) + 1)]
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise RequestRefused(
            Sentence("`{text}` is no range of addresses: write 10.0.0.0/24, 10.0.0.5-40 or 10.0.0.7", text=text)
        ) from error
    if network.num_addresses > _MOST:
        raise RequestRefused(Sentence("{text}: at most {count} addresses at once, a /22", text=text, count=_MOST))
    return list(network.hosts())
