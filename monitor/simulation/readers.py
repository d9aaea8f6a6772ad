"""Simulated card readers over Modbus: what stands in their registers while a card is held, and afterwards."""

from collections import deque
from typing import TYPE_CHECKING, Final

from drivers.modbus.layout import Field, Span
from monitor.simulation.unit import Unit
from monitor.site import Device, Site

if TYPE_CHECKING:
    from drivers.modbus.events import ModbusEvent

__all__ = ["Reader", "is_polled_reader"]

_NUMBERS: Final = 0x10000


def is_polled_reader(device: Device, site: Site) -> bool:
    """Whether a device shows cards in its registers."""
    is_card = any(event.kind == "card" for event in device.events)
    return is_card and site.connections[device.connection].driver == "modbus"


class Reader:
    """The card that one device shows, in its unit's registers.

    With `acknowledge` the card stays until its flag is cleared, and no other is read meanwhile; without, it is
    shown for as long as it is held.
    """

    def __init__(self, device: Device, unit: Unit) -> None:
        self._unit = unit
        self._event: ModbusEvent = next(event for event in device.events if event.kind == "card")
        spans = set(self._event.spans)
        self.points = frozenset(
            name
            for name, point in device.points.items()
            if any(_meets(Field.of(point, device.protocol).span, span) for span in spans)
        )
        """The points that tell of the card: nobody else sets them."""
        self._held = ""
        self.waiting: deque[str] = deque()
        """Cards that it shows one after the other, each once the one before is cleared."""
        if self._event.acknowledge is not None:
            at = self._event.acknowledge.where
            unit.may_be_written.add((at.table, at.address))
            unit.on_write = self._show_next

    def hold(self, number: str) -> None:
        """Hold a card to it, by its number in the form of the profile; without a number, take it away.

        Raises ValueError for a number that does not fit.
        """
        if number == self._held:
            return
        self._held = number
        if self._event.acknowledge is None or (number and not self._flag()):
            self._show(number)

    def queue(self, *numbers: str) -> None:
        """Have cards wait in its memory, which only a reader with `acknowledge` has."""
        self.waiting.extend(numbers)
        self._show_next()

    def _show_next(self) -> None:
        if self.waiting and not self._flag():
            self._show(self.waiting.popleft())

    def check(self, number: str) -> None:
        """Raise ValueError for a number that the reader cannot show."""
        self._content(number)

    def _flag(self) -> bool:
        when = self._event.when
        return when is not None and self._unit.get(when.span.table, when.span.first, 1) != [0]

    def _show(self, number: str) -> None:
        event = self._event
        length, content = self._content(number) if number else (0, bytes(2 * event.credential.span.size))
        span = event.credential.span
        words = [int.from_bytes(content[at : at + 2], "big") for at in range(0, 2 * span.size, 2)]
        self._unit.set(span.table, span.first, words)
        if event.length is not None:
            self._put(event.length.span, length)
        if event.sequence is not None and (number or not event.sequence.counts):
            (last,) = self._unit.get(event.sequence.span.table, event.sequence.span.first, 1)
            self._put(event.sequence.span, (last + 1) % _NUMBERS)
        if event.when is not None:
            shown = event.when.wanted[0] if event.when.wanted else 1
            self._put(event.when.span, shown if number else int(shown == 0))

    def _put(self, span: Span, value: int) -> None:
        self._unit.set(span.table, span.first, [value])

    def _content(self, number: str) -> tuple[int, bytes]:
        """The length and the content of the registers that show a number."""
        credential = self._event.credential
        if credential.form == "hex":
            clear = bytes.fromhex(number)
            lengths = [len(clear)] if isinstance(credential.content, dict) else [0]
        else:
            lengths = list(credential.content) if isinstance(credential.content, dict) else [0]
            clear = b""
        for length in lengths:
            order = credential.order(length)
            if order is None:
                break
            wanted = clear if credential.form == "hex" else int(number).to_bytes(len(order), "big")
            if len(wanted) != len(order):
                break
            content = bytearray(2 * credential.span.size)
            for at, byte in zip(order, wanted, strict=True):
                content[at] = byte
            return length, bytes(content)
        raise ValueError("the reader shows no card whose number has so many digits")


def _meets(one: Span, other: Span) -> bool:
    return one.table == other.table and one.first < other.end and other.first < one.end
