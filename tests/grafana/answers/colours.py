"""Colours of Grafana's dark theme: names, the classic palette, colour schemes."""

from collections.abc import Sequence
from typing import Final

__all__ = ["CANVAS", "GRID", "MUTED", "PALETTE", "PANEL", "SCHEMES", "TEXT", "colour", "on_scheme"]

CANVAS: Final = "#111217"
PANEL: Final = "#181b1f"
TEXT: Final = "#ccccdc"
MUTED: Final = "#8e8e9b"
GRID: Final = "#2c2f36"

PALETTE: Final = (
    "#73BF69", "#F2CC0C", "#5794F2", "#FF9830", "#F2495C", "#B877D9", "#37872D", "#E0B400", "#1F60C4", "#FA6400",
    "#C4162A", "#8F3BB8", "#C8F2C2", "#FFF899", "#C0D8FF", "#FFCB7D", "#FFA6B0", "#DEB6F2", "#447EBC", "#C15C17",
    "#890F02", "#0A437C", "#6D1F62", "#584477", "#B7DBAB", "#F4D598", "#70DBED", "#F9BA8F", "#F29191", "#82B5D8",
)  # fmt: skip
"""`palette-classic`, in its order."""

_NAMES: Final = {
    "super-light-red": "#FFA6B0", "light-red": "#FF7383", "red": "#F2495C", "semi-dark-red": "#E02F44",
    "dark-red": "#C4162A", "super-light-orange": "#FFCB7D", "light-orange": "#FFB357", "orange": "#FF9830",
    "semi-dark-orange": "#FF780A", "dark-orange": "#FA6400", "super-light-yellow": "#FFF899",
    "light-yellow": "#FFEE52", "yellow": "#FADE2A", "semi-dark-yellow": "#F2CC0C", "dark-yellow": "#E0B400",
    "super-light-green": "#C8F2C2", "light-green": "#96D98D", "green": "#73BF69", "semi-dark-green": "#56A64B",
    "dark-green": "#37872D", "super-light-blue": "#C0D8FF", "light-blue": "#8AB8FF", "blue": "#5794F2",
    "semi-dark-blue": "#3274D9", "dark-blue": "#1F60C4", "super-light-purple": "#DEB6F2",
    "light-purple": "#CA95E5", "purple": "#B877D9", "semi-dark-purple": "#A352CC", "dark-purple": "#8F3BB8",
    "text": TEXT, "transparent": "#00000000", "white": "#ffffff", "black": "#000000", "gray": "#808080",
    "grey": "#808080",
}  # fmt: skip

SCHEMES: Final = {
    "continuous-GrYlRd": ("green", "yellow", "red"),
    "continuous-RdYlGr": ("red", "yellow", "green"),
    "continuous-BlYlRd": ("dark-blue", "super-light-yellow", "dark-red"),
    "continuous-YlRd": ("super-light-yellow", "dark-red"),
    "continuous-BlPu": ("blue", "purple"),
    "continuous-YlBl": ("super-light-yellow", "dark-blue"),
    "continuous-blues": (PANEL, "dark-blue"),
    "continuous-reds": (PANEL, "dark-red"),
    "continuous-greens": (PANEL, "dark-green"),
    "continuous-purples": (PANEL, "dark-purple"),
}


def colour(name: str) -> str:
    """The colour of a name, or of itself; one that Grafana does not know is a mistake here."""
    if name.startswith("#"):
        return name
    assert name in _NAMES, f"Grafana knows no colour {name}"
    return _NAMES[name]


def on_scheme(scheme: str, share: float) -> str:
    """The colour of a share (0 to 1) of the way through a scheme, by the B-spline that d3 lays through it."""
    points = [_rgb(colour(name)) for name in SCHEMES[scheme]]
    last = len(points) - 1
    share = min(max(share, 0.0), 1.0)
    index = last - 1 if share >= 1 else int(share * last)
    mixed = []
    for channel in range(3):
        one, two = points[index][channel], points[index + 1][channel]
        before = points[index - 1][channel] if index > 0 else 2 * one - two
        after = points[index + 2][channel] if index < last - 1 else 2 * two - one
        mixed.append(_spline((share - index / last) * last, (before, one, two, after)))
    return "#" + "".join(f"{min(max(round(part), 0), 255):02x}" for part in mixed)


def _spline(t: float, points: Sequence[float]) -> float:
    square, cube = t * t, t * t * t
    weights = (
        1 - 3 * t + 3 * square - cube,
        4 - 6 * square + 3 * cube,
        1 + 3 * t + 3 * square - 3 * cube,
        cube,
    )
    return sum(weight * point for weight, point in zip(weights, points, strict=True)) / 6


def _rgb(text: str) -> tuple[float, ...]:
    return tuple(float(int(text[place : place + 2], 16)) for place in (1, 3, 5))
