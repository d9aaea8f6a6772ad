"""The site file: loaded, checked, all its errors told at once, and frozen into `monitor.site.Site`."""

from monitor.documents.finding import Finding
from monitor.settings.loading import Loaded, SettingsInvalid, load

__all__ = ["Finding", "Loaded", "SettingsInvalid", "load"]
