"""Where a device is, as tags."""

from collections.abc import Mapping, Sequence

from monitor.sinks.influxdb.text import tag_set
from monitor.site import Device, Site

__all__ = ["Places"]


class Places:
    """Answers the tags of a device; one that the site no longer has keeps its id and loses its place."""

    __slots__ = ("_devices", "_site")

    def __init__(self, site: Site) -> None:
        self._site = site.id
        self._devices = site.devices

    def device(self, device: str) -> Device | None:
        """The device, while the site has it."""
        return self._devices.get(device)

    def tags(self, names: Sequence[str], device: str, more: Mapping[str, str] | None = None) -> bytes:
        """The tags called `names`, in that order; `more` wins over what the settings say of the device."""
        given = more or {}
        return tag_set((each, given.get(each) or self.tag(each, device)) for each in names)

    def tag(self, tag: str, device: str) -> str:
        """What the settings say of a device under one tag; empty when nothing."""
        if tag == "site":
            return self._site
        if tag == "device":
            return device
        if tag == "instance":
            return f"{self._site}-1"
        found = self._devices.get(device)
        if found is None or tag not in {"building", "zone", "role", "medium", "direction", "tenant"}:
            return ""
        return str(getattr(found, tag))
