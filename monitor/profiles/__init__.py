"""Device models as data: profiles found, checked and turned into points in the units of their names."""

from monitor.profiles.library import Bound, Library, Profile
from monitor.profiles.variants import Variant

__all__ = ["Bound", "Library", "Profile", "Variant"]
