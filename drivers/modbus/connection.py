"""What a site file may say about a Modbus connection: how its bytes travel, and how patient it is."""

from typing import Annotated, Any, Final, Literal, NamedTuple, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from monitor.fields import Duration, File, Frozen

__all__ = ["SERIAL", "ConnectionModel", "Line", "Parity", "Rs485", "Transport"]

Transport = Literal["tcp", "tls", "udp", "rtu-over-tcp", "rtu", "ascii"]
Parity = Literal["none", "even", "odd"]

SERIAL: Final = frozenset({"rtu", "ascii"})
"""Transports whose other end is a serial port of this machine."""

_LINE: Final = SERIAL | {"rtu-over-tcp"}
_LONGEST: Final = 4096
_PORTS: Final = {"tcp": 502, "tls": 802, "udp": 502}
_SILENT_CHARACTERS: Final = 3.5
_FAST: Final = 19200
_SILENCE_WHEN_FAST: Final = 0.00175
"""Modbus over Serial Line 1.02, 2.5.1.1: above 19200 baud the rest is fixed."""

_Pause = Annotated[Duration, Field(le=60)]


class Line(NamedTuple):
    """How characters follow each other on a serial line; `silence` is the rest between two frames, in seconds."""

    baudrate: int
    parity: Parity
    stopbits: int
    databits: int
    silence: float

    @property
    def bits(self) -> int:
        """Bits that one character takes on the wire, its start bit included."""
        return 1 + self.databits + (self.parity != "none") + self.stopbits

    @property
    def character(self) -> float:
        """Seconds that one character takes."""
        return self.bits / self.baudrate

    def __str__(self) -> str:
        return f"{self.baudrate} baud, {self.databits}{self.parity[0].upper()}{self.stopbits}"


class Rs485(Frozen):
    """How the kernel drives an RS-485 transceiver by RTS; adapters with a switch of their own need none of it."""

    rts_on_send: bool = True
    rts_after_send: bool = False
    delay_before_send: _Pause = 0.0
    delay_after_send: _Pause = 0.0


class ConnectionModel(Frozen):
    """The block `modbus:` of a connection.

    `host` and `port` are where a network endpoint listens; on a serial line `port` is the path of its device.
    `baudrate`, `parity`, `stopbits` and `databits` describe the serial line, that of this machine or (with
    `rtu-over-tcp`) the one behind the converter, where they only serve the reckoning of its time; `line` has
    them with their defaults.
    `timeout` is for connecting and for each answer, beside the time that the bytes themselves take on a line; a
    request is repeated `retries` times. `connections` may be open to a network endpoint at once. `silence` is
    the rest between two frames on a line (default: 3.5 characters). `echo`: the adapter hears what it says.
    """

    transport: Transport
    host: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    port: int | str | None = None
    timeout: Annotated[Duration, Field(gt=0, le=60)] = 1.0
    retries: Annotated[int, Field(ge=0, le=10)] = 1
    pause_after_connect: _Pause = 0.0
    pause_between_requests: _Pause = 0.0
    connections: Annotated[int, Field(ge=1, le=16)] = 1
    ca: File | None = None
    certificate: File | None = None
    key: File | None = None
    baudrate: Annotated[int, Field(ge=50, le=4_000_000)] | None = None
    parity: Parity | None = None
    stopbits: Literal[1, 2] | None = None
    databits: Literal[7, 8] | None = None
    silence: _Pause | None = None
    echo: bool = False
    rs485: Rs485 | None = None

    @field_validator("port", mode="before")
    @classmethod
    def _is_a_port(cls, value: Any, info: ValidationInfo) -> Any:
        transport = info.data.get("transport")
        if transport in SERIAL:
            if not isinstance(value, str) or not value or len(value) > _LONGEST or "\0" in value:
                raise ValueError("a serial line's port is a path, such as /dev/serial/by-id/usb-rs485")
        elif transport and (type(value) is not int or not 1 <= value <= 65535):  # noqa: PLR2004 - 16 bits
            raise ValueError("the port of an endpoint is a number from 1 to 65535")
        return value

    @model_validator(mode="after")
    def _belongs_to_the_transport(self) -> Self:
        """Refuse what the transport does not have, and what it lacks."""
        self._check_place()
        given = self.model_fields_set
        if self.transport not in _LINE and given & {"baudrate", "parity", "stopbits", "databits", "silence"}:
            raise ValueError(
                f"`baudrate`, `parity`, `stopbits`, `databits` and `silence` are for {_listed(_LINE)}"
            )
        if self.transport not in SERIAL and given & {"echo", "rs485"}:
            raise ValueError(f"`echo` and `rs485` are for {_listed(SERIAL)}")
        if self.transport in _LINE and self.connections > 1:
            raise ValueError(
                "a serial line is one connection, here or behind a converter: leave out `connections`"
            )
        if self.transport != "tls" and given & {"ca", "certificate", "key"}:
            raise ValueError("`ca`, `certificate` and `key` are for transport tls")
        if (self.certificate is None) != (self.key is None):
            raise ValueError("`certificate` and `key` of the client go together")
        if self.databits == 7 and self.transport != "ascii":  # noqa: PLR2004 - RTU needs all eight
            raise ValueError("only ascii may have 7 data bits")
        return self

    def _check_place(self) -> None:
        if self.transport in SERIAL:
            if self.port is None:
                raise ValueError("a serial line needs its `port:`, such as /dev/serial/by-id/usb-rs485")
            if self.host is not None:
                raise ValueError("a serial line of this machine has a `port:` and no `host:`")
            return
        if self.host is None:
            raise ValueError(f"transport {self.transport} needs the `host:` of its endpoint")
        if self.transport not in _PORTS and self.port is None:
            raise ValueError(f"transport {self.transport} needs the `port:` that its converter listens at")

    @property
    def number(self) -> int:
        """The port of a network endpoint: as written, else the one that belongs to the transport."""
        return self.port if isinstance(self.port, int) else _PORTS[self.transport]

    @property
    def path(self) -> str:
        """The device of a serial line."""
        return str(self.port)

    @property
    def place(self) -> str:
        """Where the other end is, for messages."""
        return self.path if self.transport in SERIAL else f"{self.host}:{self.number}"

    @property
    def line(self) -> Line:
        """The serial line as written, else 9600 baud, 8N1; ASCII is 7E1, as its specification wants it."""
        ascii_ = self.transport == "ascii"
        baudrate = self.baudrate or 9600
        line = Line(
            baudrate=baudrate,
            parity=self.parity or ("even" if ascii_ else "none"),
            stopbits=self.stopbits or 1,
            databits=self.databits or (7 if ascii_ else 8),
            silence=0.0,
        )
        silence = self.silence
        if silence is None:
            silence = _SILENCE_WHEN_FAST if baudrate > _FAST else _SILENT_CHARACTERS * line.character
        return line._replace(silence=silence)

    @property
    def is_line(self) -> bool:
        """Whether frames follow each other on a serial line, here or behind a converter."""
        return self.transport in _LINE


def _listed(transports: frozenset[str]) -> str:
    return " and ".join(sorted(transports))
