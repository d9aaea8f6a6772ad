"""What a simulated unit holds where others look to learn which model it is: the marks of its profile."""

import struct

from drivers.modbus.layout import ORDERS, format_of, swapped
from drivers.modbus.settings import Mark, PointSource, ProfileModel, Register, Table

__all__ = ["Shown", "shown_by"]

Shown = tuple[Table, int, tuple[int, ...]]
"""Table, address, words."""


def shown_by(profile: ProfileModel, mark: Mark) -> Shown | None:
    """The registers of a mark as a device of this profile has them; None for one in a SunSpec model."""
    where = mark.where
    if not isinstance(where, Register):
        return None
    source = PointSource.model_validate({"register": where, "type": mark.type})
    swap, ends = ORDERS[mark.order or profile.order]
    wanted = mark.wanted[0] if mark.wanted else (mark.between or (0, 0))[0]
    if isinstance(wanted, str):
        text = wanted.replace("*", "").encode()[: 2 * source.size]
        content = text.ljust(2 * source.size, b"\0")
    else:
        content = struct.pack(ends + format_of(source), wanted)
    if swap:
        content = swapped(content)
    return where.table, where.address, struct.unpack(f">{len(content) // 2}H", content)
