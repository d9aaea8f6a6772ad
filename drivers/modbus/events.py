"""What a profile may say about the events of a Modbus device: cards that a reader shows in its registers. Pure."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from drivers.modbus.layout import BIT_TABLES, WRITES, Span
from drivers.modbus.layout import Field as PointField
from drivers.modbus.placing import wanted_by
from drivers.modbus.settings import ADDRESSES, Register, register_of
from monitor.errors import SettingsError
from monitor.fields import Duration, Frozen
from monitor.profiles.model import EventModel
from monitor.site import Device, Point

__all__ = [
    "Acknowledge",
    "Condition",
    "Credential",
    "ModbusEvent",
    "Numbered",
    "Sequence",
    "check_hidden",
    "hidden_of",
]

_MOST_BYTES: Final = 64


def _plain(value: object) -> Register:
    found = register_of(value)
    if not isinstance(found, Register):
        raise ValueError("events are in registers, not in SunSpec models: write `holding 2` and the like")  # noqa: TRY004 - pydantic reports ValueErrors
    return found


_Place = Annotated[Register, BeforeValidator(_plain)]
_Byte = Annotated[int, Field(ge=0, lt=_MOST_BYTES)]
_Order = Annotated[tuple[_Byte, ...], Field(min_length=1, max_length=_MOST_BYTES)]


class Numbered(Frozen):
    """One register, or one bit, as a number."""

    where: Annotated[_Place, Field(alias="register")]

    @property
    def span(self) -> Span:
        """Where it is."""
        return Span(self.where.table, self.where.address, 1)


class Sequence(Numbered):
    """The reader's own number of a card. `counts`: it rises by one with each, and with nothing else."""

    counts: bool = False

    @model_validator(mode="after")
    def _can_count(self) -> Self:
        if self.counts and self.where.table in BIT_TABLES:
            raise ValueError("a bit cannot count cards: leave out `counts`")
        return self


class Condition(Numbered):
    """Holds while the register is one of the values of `is`; without them, while it is anything but 0."""

    wanted: tuple[int, ...] = Field((), alias="is")

    @field_validator("wanted", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list | tuple) else (value,)


class Credential(Frozen):
    """Where the number of a card is: only its pseudonym leaves the driver.

    `bytes`: how many there are, in order from the register's high byte on; or which, counted from there, in the
    order of the number; or for each value of the event's `length`, which. `form`: hex (all bytes), or decimal (one
    number, without leading zeros).
    """

    where: Annotated[_Place, Field(alias="register")]
    content: Annotated[
        Annotated[int, Field(ge=1, le=_MOST_BYTES)] | _Order | dict[int, _Order], Field(alias="bytes")
    ]
    form: Literal["hex", "decimal"] = "hex"

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if self.where.table in BIT_TABLES:
            raise ValueError("the number of a card is in input or holding registers")
        if self.content == {}:
            raise ValueError("`bytes` has an entry for each `length`: `{4: [0, 1, 2, 3]}`")
        if self.span.end > ADDRESSES:
            raise ValueError("the number would reach beyond address 65535")
        return self

    @property
    def span(self) -> Span:
        """All registers that the number may be in."""
        orders = self.content.values() if isinstance(self.content, dict) else [self.order(0) or ()]
        reach = 1 + max(byte for order in orders for byte in order)
        return Span(self.where.table, self.where.address, (reach + 1) // 2)

    def order(self, length: int) -> tuple[int, ...] | None:
        """Which bytes make the number, in its order; None where there is no number of that length."""
        if isinstance(self.content, int):
            return tuple(range(self.content))
        return self.content.get(length) if isinstance(self.content, dict) else self.content


class Acknowledge(Numbered):
    """What is written, in one request of the function code 5 or 6, so that the reader shows its next card."""

    value: Annotated[int, Field(ge=0, le=0xFFFF)] = 0

    @model_validator(mode="after")
    def _can_be_written(self) -> Self:
        if self.where.table not in WRITES:
            raise ValueError("only a coil or a holding register can be written")
        if self.where.table == "coil" and self.value > 1:
            raise ValueError("a coil is written as 0 or 1")
        return self


class ModbusEvent(EventModel):
    """A card that a reader shows in its registers.

    There is a card while `when` holds, the number is neither all zeros nor all ones, and `bytes` knows its
    `length`. A new card, or a new number in `sequence`, is an event; one that was away for less than
    `repeat_after` has not been away. `acknowledge` is written after the event is kept, where the device allows it.
    """

    credential: Credential
    when: Condition | None = None
    sequence: Sequence | None = None
    length: Numbered | None = None
    acknowledge: Acknowledge | None = None
    repeat_after: Annotated[Duration, Field(le=3600)] = 0.0

    @model_validator(mode="after")
    def _says_how_long(self) -> Self:
        if (self.length is not None) != isinstance(self.credential.content, dict):
            raise ValueError(
                "`length` and `bytes: {4: […], 7: […]}` go together: the one says which of the others it is"
            )
        if self.acknowledge is not None and self.when is None:
            raise ValueError("what is acknowledged needs `when`: the flag that shows a new card")
        return self

    @property
    def spans(self) -> tuple[Span, ...]:
        """All that is read for it."""
        others = (self.when, self.sequence, self.length)
        return (*(of.span for of in others if of is not None), self.credential.span)


def hidden_of(device: Device) -> frozenset[Span]:
    """What is read of a device for its events, and is no point."""
    return frozenset(span for event in device.events for span in event.spans)


def check_hidden(device: Device) -> None:
    """Raise SettingsError for a point that would keep the number of a card, and for what there is no event for."""
    if device.address.acknowledge and not any(event.acknowledge for event in device.events):
        raise SettingsError(f"device {device.id}: its profile has nothing to `acknowledge`")
    if not device.events:
        return
    if wanted_by(device.points.values()):
        raise SettingsError(f"device {device.id}: a device with events has no points in SunSpec models")
    for name, point in device.points.items():
        of = PointField.of(point, None)
        for event in device.events:
            hidden: Span = event.credential.span
            places = [span for span in (of.span, of.exponent) if span is not None]
            if any(_meets(span, hidden) for span in places) and not _tells_presence(point):
                raise SettingsError(
                    f"device {device.id}: point {name} would keep the credential, of which only the pseudonym is "
                    "kept; `map: {0: false}` with `otherwise: true` may tell that there is one"
                )


def _meets(one: Span, other: Span) -> bool:
    return one.table == other.table and one.first < other.end and other.first < one.end


def _tells_presence(point: Point) -> bool:
    """Whether a point tells no more than that there is something: it maps 0, and all else to one value."""
    meanings = point.source.mapping()
    return meanings is not None and set(meanings) == {0} and point.source.otherwise is not None
