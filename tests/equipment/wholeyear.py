"""The year as a process has it from which those are forked that are to be killed: it is made once."""

from tests.equipment.year import whole

__all__: list[str] = []

whole()
