"""The plot of the month that the demo's house has behind it: each scene in the words of a property manager."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from monitor.model import Value

__all__ = ["DAYS", "PLOT", "Draws", "Leans", "Rattles", "Scene", "Shows", "Swaps", "Tries", "When"]

DAYS: Final = 30
When = tuple[int, str]
"""A day of the month, 1 to `DAYS`, and the local time `HH:MM`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """A meter's rate: daily life times `factor`, plus `more` (W, m3/h); `begin` and `end` as the scene without."""

    device: str
    factor: float = 1.0
    more: float = 0.0
    begin: When | None = None
    end: When | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leans:
    """By how much the share of each phase differs."""

    device: str
    by: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shows:
    """What a point shows meanwhile; with `until` it moves there on a straight line, and stays there."""

    device: str
    point: str
    value: Value
    until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rattles:
    """A loose contact: the point shows `value` for `lasts` seconds, each time `every` seconds after the last."""

    device: str
    point: str
    value: Value
    every: float
    lasts: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Swaps:
    """A meter is replaced when the scene begins; the new one shows `start` (kWh or m3)."""

    device: str
    start: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """A card that nobody knows is held to a reader so many times, each time `every` seconds after the last."""

    reader: str
    number: str
    times: int
    every: float


Act = Draws | Leans | Rattles | Shows | Swaps | Tries


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What happens from `begin` to `end`; `also`: what it meets beside the devices of its acts."""

    id: str
    name: str
    begin: When
    end: When
    acts: Sequence[Act] = ()
    also: frozenset[str] = field(default=frozenset())

    @property
    def devices(self) -> frozenset[str]:
        """The devices and connections that a site must have for it."""
        return self.also.union(each.reader if isinstance(each, Tries) else each.device for each in self.acts)


_LEAK: Final = 0.12
"""m3/h that run through a toilet cistern that does not close."""
_DRY_FROM, _DRY_UNTIL = (18, "11:05"), (18, "11:45")

PLOT: Final[Sequence[Scene]] = (
    Scene(
        id="battery",
        name="The battery of the contact at the front door runs down",
        begin=(1, "00:00"),
        end=(DAYS + 1, "00:00"),
        acts=[Shows(device="front-door", point="battery_pct", value=71.0, until=14.0)],
    ),
    Scene(
        id="undervoltage",
        name="The voltage on L2 is too low for an evening",
        begin=(3, "18:40"),
        end=(3, "20:10"),
        acts=[Shows(device="main-electricity", point="voltage_l2_v", value=201.4)],
    ),
    Scene(
        id="gateway-off",
        name="The gateway of the riser meters is without power for three hours",
        begin=(5, "13:00"),
        end=(5, "16:00"),
        also=frozenset({"risers"}),
    ),
    Scene(
        id="sticking-door",
        name="The front door closes worse and worse, until its closer is mended",
        begin=(8, "06:00"),
        end=(22, "09:15"),
        also=frozenset({"front-door"}),
    ),
    Scene(
        id="forced-door",
        name="The cellar door is forced in the night",
        begin=(10, "02:47"),
        end=(10, "02:53"),
        acts=[Shows(device="cellar-door", point="open", value=True)],
    ),
    Scene(
        id="gas-test",
        name="The service tests the gas detector in the boiler room",
        begin=(11, "10:00"),
        end=(11, "10:02"),
        acts=[Shows(device="boiler-gas-detector", point="alarm", value=True)],
    ),
    Scene(
        id="leak",
        name="A toilet cistern runs day and night, until it is found and mended",
        begin=(12, "23:40"),
        end=(19, "10:30"),
        acts=[
            Draws(device="flats-water", more=_LEAK, end=_DRY_FROM),
            Draws(device="flats-water", more=_LEAK, begin=_DRY_UNTIL),
        ],
    ),
    Scene(
        id="pump-trip",
        name="The booster pump trips, and the standby pump takes over",
        begin=(14, "08:20"),
        end=(14, "11:50"),
        acts=[
            Shows(device="booster-pump", point="fault", value=True),
            Shows(device="booster-pump", point="called", value=True),
            Shows(device="booster-pump-2", point="called", value=True),
        ],
    ),
    Scene(
        id="meter-swap",
        name="The meter of the corner shop is replaced by a new one",
        begin=(16, "14:20"),
        end=(16, "14:21"),
        acts=[Swaps(device="shop-electricity", start=3.2)],
    ),
    Scene(
        id="unknown-card",
        name="Somebody tries an unknown card eight times in a row at the cellar door",
        begin=(17, "22:51"),
        end=(17, "22:52"),
        acts=[Tries(reader="cellar-door-reader", number="0badcafe", times=8, every=6.5)],
    ),
    Scene(
        id="no-water",
        name="The house is without water for forty minutes",
        begin=_DRY_FROM,
        end=_DRY_UNTIL,
        acts=[
            Shows(device="water-pressure", point="pressure_ok", value=False),
            Draws(device="flats-water", factor=0.0),
            Draws(device="laundry-water", factor=0.0),
            Draws(device="garden-water", factor=0.0),
        ],
    ),
    Scene(
        id="holidays",
        name="Half of the flats are away in the holidays",
        begin=(20, "00:00"),
        end=(27, "00:00"),
        acts=[Draws(device="flats-electricity", factor=0.62), Draws(device="flats-water", factor=0.5)],
    ),
    Scene(
        id="loose-cover",
        name="The cover of the gas detector is loose, and its contact rattles for ten minutes",
        begin=(23, "15:10"),
        end=(23, "15:20"),
        acts=[Rattles(device="boiler-gas-detector", point="tamper", value=True, every=15.0, lasts=5.0)],
    ),
    Scene(
        id="peak",
        name="A tenant charges a car at a socket of the house, and the building draws more than ever",
        begin=(24, "17:30"),
        end=(24, "18:15"),
        acts=[Draws(device="lift-electricity", more=11_000.0)],
    ),
    Scene(
        id="unbalance",
        name="One phase of the flats carries most of the load for two hours",
        begin=(27, "12:30"),
        end=(27, "14:30"),
        acts=[Leans(device="flats-electricity", by={"l1": 0.42, "l2": -0.21, "l3": -0.21})],
    ),
    Scene(
        id="wet-floor",
        name="Water stands under the washing machines in the laundry",
        begin=(28, "19:20"),
        end=(28, "19:45"),
        acts=[Shows(device="laundry-leak", point="alarm", value=True)],
    ),
)
"""They do not meet: no two of them act on the same point at one time, but for the water that is gone while a
cistern leaks, and then that does not run either."""
