"""Where a panel lies, in pixels."""

from dataclasses import dataclass, replace

__all__ = ["Box"]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle from the top left."""

    x: float
    y: float
    w: float
    h: float

    def inside(self, left: float, top: float, right: float, bottom: float) -> "Box":
        """What is left within margins."""
        return Box(self.x + left, self.y + top, self.w - left - right, self.h - top - bottom)

    def part(self, across: int, down: int, columns: int, rows: int, gap: float = 4) -> "Box":
        """One of so many equal cells."""
        w, h = (self.w - gap * (columns - 1)) / columns, (self.h - gap * (rows - 1)) / rows
        return replace(self, x=self.x + across * (w + gap), y=self.y + down * (h + gap), w=w, h=h)
