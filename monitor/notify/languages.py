"""How a language writes what a message says: its words, and its numbers, times, durations and money.

The words are gettext's: English in the templates, other languages in `monitor/locale` as text. Babel is imported
with the first message, not with the daemon.
"""

from datetime import datetime
from functools import cache, cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from monitor.clock import CLOCKS_ARE_RIGHT_FROM
from monitor.pointnames import PointNames
from monitor.schema import unit_sign

if TYPE_CHECKING:
    from babel import Locale
    from babel.support import NullTranslations

__all__ = ["CATALOGUES", "LANGUAGES", "TAGS", "Speech", "known", "point_names", "speech", "words_of"]

LANGUAGES: Final = ("en", "zh")
TAGS: Final = {"en": "en", "zh": "zh-Hans"}
"""Language -> what HTML calls it."""

CATALOGUES: Final = Path(__file__).parents[1] / "locale"

_DIGITS: Final = ((10_000, 0), (1000, 1), (1, 3))
"""From which value on a number has so many digits behind its point at most."""
_PARTS: Final = (
    (86_400, "duration-day"),
    (3600, "duration-hour"),
    (60, "duration-minute"),
    (1, "duration-second"),
)


def known(language: str) -> str:
    """The language itself, or English for one that has no catalogue."""
    return language if language in LANGUAGES else LANGUAGES[0]


@cache
def speech(language: str, timezone: str) -> "Speech":
    """Answer how a known language is written in a time zone."""
    return Speech(language, ZoneInfo(timezone))


@cache
def words_of(language: str) -> "NullTranslations":
    """The words of a language: its catalogues, read once and put together; English has none.

    Each catalogue is that of one part of the house; what several of them have is the same in all.
    """
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po
    from babel.support import NullTranslations, Translations

    if language == LANGUAGES[0]:
        return NullTranslations()
    words = Translations()
    for path in sorted((CATALOGUES / language / "LC_MESSAGES").glob("*.po")):
        with path.open("rb") as file:
            catalogue = read_po(file, locale=language)
        binary = BytesIO()
        write_mo(binary, catalogue)
        binary.seek(0)
        found = Translations(binary)
        words.merge(found)
        words.plural = found.plural  # merging leaves that of English
    return words


def point_names(language: str) -> PointNames:
    """Answer what points are called in a known language."""
    return PointNames(words_of(language).ugettext)


class Speech:
    """Writes what is counted and measured as people of one language read it, in the site's own time."""

    def __init__(self, language: str, zone: ZoneInfo) -> None:
        self.language = language
        self._zone = zone

    @cached_property
    def _locale(self) -> "Locale":
        from babel import Locale

        return Locale.parse(self.language)

    def clock(self, ms: int, now: int) -> str:
        """UTC ms -> `Fri 27 Nov, 22:15`.

        With the year where it is not that of `now` (UTC ms), and with the zone's name in the hour that comes
        twice when summer time ends.
        """
        from babel.dates import format_datetime

        at = datetime.fromtimestamp(ms / 1000, self._zone)
        is_usual = ms >= CLOCKS_ARE_RIGHT_FROM and at.year == datetime.fromtimestamp(now / 1000, self._zone).year
        say = words_of(self.language).ugettext
        pattern = say("EEE d MMM, HH:mm") if is_usual else say("EEE d MMM y, HH:mm")
        text = str(format_datetime(at, pattern, tzinfo=self._zone, locale=self._locale))
        return text if at.replace(fold=0).utcoffset() == at.replace(fold=1).utcoffset() else f"{text} {at:%Z}"

    def day(self, ms: int) -> str:
        """UTC ms -> `27 Nov`."""
        from babel.dates import format_date

        at = datetime.fromtimestamp(ms / 1000, self._zone).date()
        say = words_of(self.language).ugettext
        return str(format_date(at, say("d MMM"), locale=self._locale))

    def hour(self, ms: int) -> str:
        """UTC ms -> `22:15`."""
        return f"{datetime.fromtimestamp(ms / 1000, self._zone):%H:%M}"

    def lasting(self, ms: int) -> str:
        """Milliseconds -> the two greatest units: `1 hr 5 min`."""
        from babel.units import format_unit

        left = max(0, round(ms / 1000))
        told: list[str] = []
        for seconds, unit in _PARTS:
            count, left = divmod(left, seconds)
            if count:
                told.append(format_unit(count, unit, length="short", locale=self._locale))
            elif told:
                break
        return " ".join(told[:2]) or format_unit(0, _PARTS[-1][1], length="short", locale=self._locale)

    def quantity(self, value: float, unit: str | None = None) -> str:
        """A number as people write it, with its unit: `50,000 W`, `207 V`, `0.04 m³/h`; no exponent."""
        from babel.numbers import format_decimal

        size = abs(value)
        digits = next((digits for least, digits in _DIGITS if size >= least), 6 if value else 0)
        pattern = f"#,##0.{'#' * digits}" if digits else "#,##0"
        number = str(format_decimal(value, format=pattern, locale=self._locale))
        return f"{'0' if number == '-0' else number} {unit_sign(unit) if unit else ''}".rstrip()

    def money(self, amount: float, currency: str) -> str:
        """An amount of a currency: `€11.27`."""
        from babel.numbers import format_currency

        return str(format_currency(amount, currency, locale=self._locale))
