"""Registers of a polled bus that a person reads by hand: in the turn of a guest, so that the polling goes on."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from monitor.errors import RequestRefused
from monitor.poller.poller import Poller
from monitor.ports import PolledDriver, RegisterDriver
from monitor.site import Device
from monitor.wording import Sentence

__all__ = ["ByHand"]


class ByHand:
    """Reads registers through the drivers of a poller. `devices`: those of the site."""

    def __init__(self, poller: Poller, drivers: Mapping[str, PolledDriver], devices: Sequence[Device]) -> None:
        self._poller = poller
        self._drivers = {name: driver for name, driver in drivers.items() if isinstance(driver, RegisterDriver)}
        self._units: dict[tuple[str, Any], str] = {}
        for device in devices:
            self._units.setdefault((device.connection, getattr(device.address, "unit", None)), device.id)

    def buses(self) -> Sequence[Mapping[str, Any]]:
        """The connections on which registers can be read."""
        return [
            {
                "id": name,
                "place": driver.place,
                "line": driver.line,
                "timeout_s": driver.timeout,
                "overhead_s": driver.overhead,
            }
            for name, driver in self._drivers.items()
        ]

    async def read(  # noqa: PLR0913 - a request, and how it is asked
        self, connection: str, unit: int, table: str, first: int, count: int, *, patience: float | None = None
    ) -> tuple[Sequence[int], float]:
        """Answer the registers (or bits), and how many milliseconds the asking took.

        `patience`: seconds to wait for the answer (default: as the settings say).
        Raises what `monitor.ports.RegisterBus.read` does, and TooManyAsk.
        """
        took = 0.0

        async def ask(driver: PolledDriver) -> Sequence[int]:
            nonlocal took
            assert isinstance(driver, RegisterDriver)
            began = time.monotonic()
            values = await driver.registers(unit, table, first, count, patience=patience)
            took = 1000 * (time.monotonic() - began)
            return values

        if connection not in self._drivers:
            raise RequestRefused(
                Sentence(
                    "there is no connection {connection} on which registers can be read", connection=connection
                )
            )
        values = await self._poller.lend(connection, ask, device=self._units.get((connection, unit)))
        return values, took
