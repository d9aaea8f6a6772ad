"""What a scan means: words for whoever stands before the cabinet. Pure."""

from collections.abc import Sequence

from drivers.modbus.survey.scan import Found, Said

__all__ = ["advice_of"]

_MANY = 16
_MANY_DAMAGED = 3


def advice_of(found: Sequence[Found], asked: int, *, is_line: bool, trouble: str) -> list[str]:
    """What to do about what was found, the most important first; `trouble`: why the last unit did not answer."""
    return [*_nobody(found, is_line=is_line, trouble=trouble), *_damage(found), *_odd(found, asked)]


def _nobody(found: Sequence[Found], *, is_line: bool, trouble: str) -> list[str]:
    if found or not trouble:
        return []
    if "closed the connection" in trouble:
        return [
            "the connection is closed each time: does the endpoint serve only one client, or only some addresses?"
        ]
    if is_line:
        told = "nobody answered: look at the power, swap A and B, look at the termination; then try other line "
        return [told + "settings with --thorough, and a longer --timeout"]
    return ["nobody answered: is it Modbus that listens there? Gateways want the right line settings themselves"]


def _damage(found: Sequence[Found]) -> list[str]:
    garbled = [each.unit for each in found if each.is_garbled]
    some = [each.unit for each in found if each.damaged and not each.is_garbled]
    told = []
    if len(garbled) >= _MANY_DAMAGED or (garbled and len(garbled) == len(found)):
        told.append(
            f"damaged answers only, from {_listed(garbled)}: another parity, baud rate or number of stop bits, "
            f"a missing termination, or two masters on the line"
        )
    elif garbled:
        told.append(
            f"damaged answers only, from {_listed(garbled)}: two devices may have that id and speak at once. "
            f"Disconnect one, or give one another id"
        )
    if some:
        told.append(
            f"some answers of {_listed(some)} were damaged: look at termination, shield and cable; two devices "
            f"with one id do so, too"
        )
    return told


def _odd(found: Sequence[Found], asked: int) -> list[str]:
    told = []
    late = [each.unit for each in found if each.late]
    if late:
        slowest = max(each.ms for each in found if each.late)
        told.append(
            f"{_listed(late)}: slow; the `timeout` of the connection has to be well above {slowest:.0f} ms"
        )
    if asked >= _MANY and len(found) == asked and not any(each.is_garbled for each in found):
        told.append(
            "every id answers: the endpoint does not look at it, and is one device; take the id of its manual (1, "
            "or 255)"
        )
    refuses = [each.unit for each in found if all(table.said is Said.EXCEPTION for table in each.tables.values())]
    if refuses and len(refuses) <= _MANY:
        told.append(
            f"{_listed(refuses)}: register 0 is refused in every table, as by many devices that begin elsewhere; "
            f"it is there"
        )
    return told


def _listed(units: Sequence[int]) -> str:
    shown = ", ".join(map(str, units[:_MANY]))
    return f"unit{'s' if len(units) > 1 else ''} {shown}{' and more' if len(units) > _MANY else ''}"
