"""What people write into forms about alarms, read with bounds; Wrong says which field, and why."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from monitor.periods import moment_of

__all__ = ["Form", "Wrong", "day_in", "moment_in", "one", "reason_in", "written"]

Form = Mapping[str, Sequence[str]]
_LONGEST = 500
_REVIEW_MINUTE = 8 * 60


class Wrong(Exception):
    """A field of a form; `word` is one of templates/alarms/words.html.j2."""

    def __init__(self, field: str, word: str) -> None:
        super().__init__(f"{field}: {word}")
        self.field = field
        self.word = word


def one(form: Form, name: str) -> str:
    """What a form says under a name; empty without."""
    return form.get(name, [""])[0]


def written(form: Form, name: str, *, must: bool = False) -> str:
    """A text on one line, of 500 characters at most."""
    text = " ".join(one(form, name).split())
    if must and not text:
        raise Wrong(name, "empty")
    if len(text) > _LONGEST:
        raise Wrong(name, "long")
    return text


def reason_in(form: Form, *, must: bool = False) -> str:
    """Why something is done."""
    return written(form, "reason", must=must)


def day_in(form: Form, name: str, zone: ZoneInfo) -> int:
    """A local day as UTC ms: eight in the morning of it."""
    try:
        day = date.fromisoformat(one(form, name))
        return moment_of(day, _REVIEW_MINUTE, zone)
    except (ValueError, OverflowError) as error:
        raise Wrong(name, "day") from error


def moment_in(form: Form, name: str, zone: ZoneInfo) -> int | None:
    """A local time as browsers write it (`2026-11-27T10:30`), as UTC ms; None for nothing."""
    text = one(form, name)
    if not text:
        return None
    try:
        wall = datetime.fromisoformat(text)
        if wall.tzinfo is not None:
            raise Wrong(name, "time")
        return moment_of(wall.date(), 60 * wall.hour + wall.minute, zone)
    except (ValueError, OverflowError) as error:
        raise Wrong(name, "time") from error
