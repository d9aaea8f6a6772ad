"""Draws the pages that residents see: a form, how a report stands, and what is said instead."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from monitor.notify.languages import TAGS, speech
from monitor.places import Place, Report, Residents
from monitor.site import Site
from monitor.web.drawing import templates
from monitor.web.residents.desk import Followed
from monitor.web.residents.words import called, outcome

__all__ = ["LONGEST", "STYLE_HASH", "Drawing"]

_FOLDER: Final = Path(__file__).parent / "templates"
_STYLE: Final = (_FOLDER / "residents.css").read_text("utf-8").replace("\n", "")
STYLE_HASH: Final = b64encode(sha256(_STYLE.encode()).digest()).decode()
"""What the policy of the pages allows as their style: this text and no other."""
LONGEST: Final = 500
"""Letters that somebody may write."""
_NAMES: Final = {"en": "English", "zh": "中文"}


class Drawing:
    """Draws pages of one site."""

    def __init__(self, site: Site, settings: Residents) -> None:
        self._site = site
        self._settings = settings

    def form(self, place: Place, language: str, *, token: str, said: Mapping[str, str], wrong: str = "") -> str:
        """The page of a place. `said`: what was filled in before; `wrong`: `kind` or `text`, what to put right."""
        reports = [(each.id, called(each, language), each.is_danger) for each in place.reports]
        danger = any(each.is_danger for each in place.reports)
        return self._draw(
            "form.html.j2",
            language,
            place=place,
            reports=reports,
            danger=danger,
            token=token,
            said=said,
            wrong=wrong,
            longest=LONGEST,
        )

    def followed(self, one: Followed, language: str, now: int) -> str:
        """The page that says how a report stands at `now` (UTC ms)."""
        place = self._settings.places.get(one.place)
        known = {each.id: each for each in place.reports} if place else {}
        report = known.get(one.kind, Report(id=one.kind))
        return self._draw(
            "followed.html.j2",
            language,
            place=place.name if place else one.place,
            danger=report.is_danger and one.steps[-1][0] != "done",
            report=called(report, language),
            one=one,
            steps={str(step): at for step, at in one.steps},
            clock=lambda ms: speech(language, self._site.timezone.key).clock(ms, now),
            outcome=outcome(one.cause, language) if one.cause else "",
        )

    def message(self, told: str, language: str) -> str:
        """A page that says one thing: `not_noted`, `too_many`, `press`; of a code that is `old` or `closed`."""
        return self._draw("message.html.j2", language, told=told)

    def _draw(self, template: str, language: str, **facts: Any) -> str:
        others: Sequence[tuple[str, str, str]] = [
            (each, TAGS[each], _NAMES[each]) for each in self._settings.languages if each != language
        ]
        return (
            templates(_FOLDER, language)
            .get_template(template)
            .render(
                lang=TAGS[language],
                language=language,
                others=others,
                style=Markup(_STYLE),  # noqa: S704 - our own file
                site=self._site.name or self._site.id,
                emergency=self._settings.emergency,
                contact=self._settings.contact,
                **facts,
            )
        )
