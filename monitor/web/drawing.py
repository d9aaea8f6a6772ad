"""How pages are drawn: Jinja's templates of a folder, in which nothing is unknown and all text is escaped."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from monitor.notify.languages import words_of

__all__ = ["templates"]


@cache
def templates(folder: Path, language: str = "") -> Environment:
    """The templates of a folder; with a language, those that mark their words for the catalogues."""
    environment = Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"] if language else [],
    )
    if language:
        environment.install_gettext_translations(words_of(language), newstyle=True)  # type: ignore[attr-defined]
    return environment
