"""The SunSpec map of a device: how it is found, which models are in it, and where their registers lie. Pure.

A map is "SunS", then models one behind the other, each with its id, its length and so many registers, until the
id 0xFFFF; it begins at one of three addresses. Source: sunspec/pysunspec2 @f2ece9a `sunspec2/mb.py`; lengths:
sunspec/models @7abdf89 `json/model_1.json`, `model_201.json` to `model_204.json`, `model_211.json` to
`model_214.json`.
"""

from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

__all__ = [
    "BASES",
    "COMMON",
    "MARK",
    "Ask",
    "Chain",
    "Model",
    "Models",
    "Places",
    "Within",
    "canonical",
    "image",
    "place",
    "walk",
]

BASES: Final = (40000, 50000, 0)
"""Where a map may begin."""

MARK: Final = (0x5375, 0x6E53)
"""What a map begins with: "SunS"."""

_END: Final = 0xFFFF
_ADDRESSES: Final = 65536
_HEADER: Final = 2
_MOST_MODELS: Final = 64
"""The longest chain that is followed."""


class Models(NamedTuple):
    """Models that have the same points at the same places, from the first to the last id."""

    first: int
    last: int

    def fits(self, ident: int) -> bool:
        """Whether a model is one of them."""
        return self.first <= ident <= self.last

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"


COMMON: Final = Models(1, 1)
"""Who made a device, its model, version and serial number."""

_LENGTHS: Final[Mapping[Models, int]] = {COMMON: 66, Models(201, 204): 105, Models(211, 214): 124}
_USUAL: Final = (203, 213)
"""Of models that fit, the one that a planned or simulated device has: a three-phase meter."""


@dataclass(frozen=True, slots=True)
class Within:
    """A register of a model: `offset` registers behind that of its id."""

    models: Models
    offset: int

    @property
    def known_size(self) -> int:
        """Registers, with id and length, that surely are in each of the models; those of unknown ones may be."""
        least = [size for known, size in _LENGTHS.items() if _overlap(known, self.models)]
        return min(least, default=_ADDRESSES) + _HEADER

    def __str__(self) -> str:
        return f"sunspec {self.models} {self.offset}"


class Model(NamedTuple):
    """A model as it was found: `first` is the address of its id, `length` its registers without id and length."""

    ident: int
    first: int
    length: int

    @property
    def size(self) -> int:
        """Its registers with id and length."""
        return self.length + _HEADER

    @property
    def end(self) -> int:
        """The address behind it."""
        return self.first + self.size


class Ask(NamedTuple):
    """What has to be read next: holding registers."""

    first: int
    size: int


@dataclass(frozen=True, slots=True)
class Chain:
    """What was found: the models at `base` (None: there is no map). `flaw`: why it ends before its end."""

    base: int | None
    models: tuple[Model, ...] = ()
    flaw: str = ""


# Finding -------------------------------------------------------------------------------------------------

_Walk = Generator[Ask, Sequence[int] | None, Chain]


def walk(bases: Iterable[int], enough: Callable[[Sequence[Model]], bool]) -> _Walk:
    """Yield what to read, take the registers (None: refused), and return the chain that is found.

    Ends with the end of the chain, when what was found is `enough`, or where the chain cannot be followed: then
    what was found before still counts. Reads two registers at each base, and of the models ids and lengths alone.
    """
    for base in bases:
        words = yield Ask(base, 2)
        if words is not None and tuple(words) == MARK:
            return (yield from _follow(base, enough))
    return Chain(None)


def _follow(base: int, enough: Callable[[Sequence[Model]], bool]) -> _Walk:
    models: list[Model] = []
    at, flaw = base + len(MARK), ""
    while not enough(models) and not flaw:
        if len(models) == _MOST_MODELS:
            flaw = f"it has no end after {_MOST_MODELS} models"
            break
        words = yield Ask(at, _HEADER)
        if words is None:  # perhaps the end has no length
            words = yield Ask(at, 1)
            flaw = "" if words is not None and words[0] == _END else f"holding {at} is refused"
            break
        ident, length = words
        if ident == _END:
            break
        model = Model(ident, at, length)
        if ident == 0 or model.end + _HEADER > _ADDRESSES:
            flaw = f"there is no model at holding {at}"
        else:
            models.append(model)
            at = model.end
    return Chain(base, tuple(models), flaw)


# Placing -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Places:
    """Where the models that points name are in one device."""

    models: tuple[tuple[Models, Model], ...] = ()

    def find(self, models: Models) -> Model | None:
        """The model that is meant, where the device has it."""
        return next((model for wanted, model in self.models if wanted == models), None)

    def address(self, where: Within, size: int) -> int | None:
        """The address of so many registers, where the device has the model and they lie within it."""
        model = self.find(where.models)
        if model is None or where.offset + size > model.size:
            return None
        return model.first + where.offset


def place(chain: Sequence[Model], wanted: Collection[Models], instance: int) -> Places:
    """Find models in a chain: of each the `instance`-th that fits (1: the first).

    The common model is the last one before the others: in a chain of several meters each has its own.
    """
    found: dict[Models, Model] = {}
    for models in sorted(set(wanted) - {COMMON}):
        fitting = [model for model in chain if models.fits(model.ident)]
        if len(fitting) >= instance:
            found[models] = fitting[instance - 1]
    if COMMON in wanted:
        commons = [model for model in chain if COMMON.fits(model.ident)]
        if set(wanted) == {COMMON}:
            commons = commons[:instance] if len(commons) >= instance else []
        else:
            before = min((model.first for model in found.values()), default=0)
            commons = [model for model in commons if model.first < before]
        if commons:
            found[COMMON] = commons[-1]
    return Places(tuple(sorted(found.items())))


# A device that is only planned, or simulated -------------------------------------------------------------


def canonical(wanted: Mapping[Models, int], instance: int) -> tuple[Model, ...]:
    """Lay out the chain of a device as it usually is, with so many meters. `wanted`: models -> registers used."""
    models: list[Model] = []
    at = BASES[0] + len(MARK)
    for _ in range(instance):
        for each in sorted({COMMON, *wanted}):
            ident = next((ident for ident in _USUAL if each.fits(ident)), each.first)
            length = _length(ident) or max(wanted.get(each, 0) - _HEADER, 0)
            models.append(Model(ident, at, length))
            at = models[-1].end
    return tuple(models)


def image(chain: Sequence[Model], base: int = BASES[0]) -> dict[int, tuple[int, ...]]:
    """Answer the registers by which a chain is found, by address."""
    held: dict[int, tuple[int, ...]] = {base: MARK}
    held |= {model.first: (model.ident, model.length) for model in chain}
    held[chain[-1].end if chain else base + len(MARK)] = (_END, 0)
    return held


def _length(ident: int) -> int:
    return next((length for models, length in _LENGTHS.items() if models.fits(ident)), 0)


def _overlap(one: Models, other: Models) -> bool:
    return one.first <= other.last and other.first <= one.last
