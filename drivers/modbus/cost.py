"""What requests cost on a connection: times from its transport, its line and what is known of the device. Pure.

Frames as in "MODBUS over Serial Line V1.02": a read is 8 bytes in RTU and 17 characters in ASCII, its answer 5
bytes and 11 characters around the content; an ASCII character carries half a byte.
"""

from typing import Final

from drivers.modbus.connection import ConnectionModel
from drivers.modbus.plan import Cost
from drivers.modbus.settings import ProfileModel

__all__ = ["TURNAROUND", "cost_of", "overhead_of", "wait_of"]

TURNAROUND: Final = 0.025
"""Seconds from the end of a request to the beginning of the answer, where the profile does not say.

An assumption, the middle of what one maker states ("typical 5 ... 45 ms", Jumo LOGOSCREEN nt, description of the
interface, 4.3); others promise no more than 200 ms (Multitek M560).
"""

_RTU, _ASCII = 8 + 5, 17 + 11
_NETWORK: Final = 0.001
"""A round trip in the building's network, and a processor or two."""
_NETWORK_TURNAROUND: Final = 0.004
_NETWORK_REGISTER: Final = 0.0001
"""What a device with a network of its own takes for a request, and for each register. Assumptions."""
_ADAPTER: Final = 0.002
"""What this machine and its adapter add to a request on a line; an assumption (USB adapters wait 1 to 16 ms)."""
_CONVERTER: Final = 0.005
"""What a converter adds to a request: the network, and the wait until it believes that the frame has ended."""


def cost_of(options: ConnectionModel, profile: ProfileModel | None) -> Cost:
    """What a device's requests cost over a connection."""
    turnaround = None if profile is None else profile.turnaround
    if not options.is_line:
        own = _NETWORK_TURNAROUND if turnaround is None else turnaround
        request = _NETWORK + own + options.pause_between_requests
        return Cost(request=1000 * request, register=1000 * _NETWORK_REGISTER)
    line = options.line
    request = _around(options) + (TURNAROUND if turnaround is None else turnaround)
    request += max(line.silence, options.pause_between_requests)
    request += _CONVERTER if options.transport == "rtu-over-tcp" else _ADAPTER
    if options.rs485 is not None:
        request += options.rs485.delay_before_send + options.rs485.delay_after_send
    each = 4 if options.transport == "ascii" else 2
    return Cost(request=1000 * request, register=1000 * line.character * each)


def wait_of(options: ConnectionModel, cost: Cost, registers: float) -> float:
    """Seconds that a request of so many registers takes when nobody answers: its characters and the time-out."""
    if not options.is_line:
        return options.timeout
    return options.timeout + _around(options) + registers * cost.register / 1000


def overhead_of(options: ConnectionModel) -> float:
    """Seconds that a request of one register takes beside the waiting for its answer."""
    if not options.is_line:
        return _NETWORK
    own = _CONVERTER if options.transport == "rtu-over-tcp" else _ADAPTER
    each = 4 if options.transport == "ascii" else 2
    pause = max(options.line.silence, options.pause_between_requests)
    return _around(options) + options.line.character * each + pause + own


def _around(options: ConnectionModel) -> float:
    """Seconds of the characters of a request and around the content of its answer."""
    return options.line.character * (_ASCII if options.transport == "ascii" else _RTU)
