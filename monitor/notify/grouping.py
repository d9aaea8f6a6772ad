"""Which alarms belong together: those of one building, one class and one gateway."""

from monitor.site import Device, Source

__all__ = ["group_of"]


def group_of(device: Device | None, source: Source) -> str:
    """The key of an alarm's group; empty for what belongs to no device of the site."""
    building = source.building or (device.building if device else "")
    if device is None:
        return building
    return f"{building}/{device.device_class}/{device.connection}"
