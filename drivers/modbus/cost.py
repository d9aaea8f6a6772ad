"""What requests cost on a connection: times from its transport, its line and what is known of the device. Pure.

Frames as in "MODBUS over Serial Line V1.02": a read is 8 bytes in RTU and 17 characters in ASCII, its answer 5
bytes and 11 characters around the content; an ASCII character carries half a byte. Two frames are 3.5 characters
apart, above 19200 baud 1.75 ms (ibid. 2.5.1.1).
"""

from typing import Final

from drivers.modbus.connection import ConnectionModel
from drivers.modbus.plan import Cost
from drivers.modbus.settings import ProfileModel

__all__ = ["BAUDRATE", "TURNAROUND", "character", "cost_of"]

BAUDRATE: Final = 9600
"""What a line is taken to run at when nobody says: what most meters are delivered with."""

TURNAROUND: Final = 0.025
"""Seconds from the end of a request to the beginning of the answer, where the profile does not say.

An assumption, the middle of what one maker states ("typical 5 ... 45 ms", Jumo LOGOSCREEN nt, description of the
interface, 4.3); others promise no more than 200 ms (Multitek M560).
"""

_NETWORK: Final = 0.001
"""A round trip in the building's network, and a processor or two."""
_NETWORK_TURNAROUND: Final = 0.004
_NETWORK_REGISTER: Final = 0.0001
"""What a device with a network of its own takes for a request, and for each register. Assumptions."""
_CONVERTER: Final = 0.005
"""What a converter adds to a request: the network, and the wait until it believes that the frame has ended."""

_FAST_LINE: Final = 19200
_FAST_SILENCE: Final = 0.00175


def character(options: ConnectionModel, baudrate: int | None = None) -> float:
    """Seconds that one character takes on a connection's line: start, data, parity and stop bits."""
    data = options.databits or 8
    parity = 0 if (options.parity or "none") == "none" else 1
    return (1 + data + parity + (options.stopbits or 1)) / (baudrate or options.baudrate or BAUDRATE)


def cost_of(options: ConnectionModel, profile: ProfileModel | None, *, baudrate: int | None = None) -> Cost:
    """What a device's requests cost over a connection; `baudrate` supposes another one of its line."""
    turnaround = None if profile is None else profile.turnaround
    if not options.is_line:
        own = _NETWORK_TURNAROUND if turnaround is None else turnaround
        request = _NETWORK + own + options.pause_between_requests
        return Cost(request=1000 * request, register=1000 * _NETWORK_REGISTER)
    one = character(options, baudrate)
    is_ascii = options.transport == "ascii"
    around = 17 + 11 if is_ascii else 8 + 5
    request = around * one + (TURNAROUND if turnaround is None else turnaround)
    request += max(_silence(options, baudrate), options.pause_between_requests)
    if options.transport == "rtu-over-tcp":
        request += _CONVERTER
    if options.rs485 is not None:
        request += options.rs485.delay_before_send + options.rs485.delay_after_send
    return Cost(request=1000 * request, register=1000 * one * (4 if is_ascii else 2))


def _silence(options: ConnectionModel, baudrate: int | None) -> float:
    """Seconds of rest between two frames."""
    if options.silence is not None:
        return options.silence
    if (baudrate or options.baudrate or BAUDRATE) > _FAST_LINE:
        return _FAST_SILENCE
    return 3.5 * character(options, baudrate)
