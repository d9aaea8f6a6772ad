"""Mails of a page and its own plain text: Apprise would make the text out of the page's, without its links.

Apprise has no argument for it. It asks one function of its mail plugin for the text, in the thread that sends;
that function is given what the message says instead.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Final

__all__ = ["own_texts", "speaks"]

_CONVERT: Final = "convert_between"

_SAID = threading.local()


@contextmanager
def speaks(text: str) -> Iterator[None]:
    """Within it, a page that this thread mails has this text beside it."""
    _SAID.text = text
    try:
        yield
    finally:
        _SAID.text = ""


def own_texts() -> None:
    """Have Apprise's mails say what `speaks` was given; to be called once. Where it does not fit, all stays."""
    plugin: Any = import_module("apprise.plugins.email.base")
    theirs: Any = getattr(plugin, _CONVERT, None)
    if theirs is None:
        return

    def convert(from_format: Any, to_format: Any, body: Any, *more: Any, **besides: Any) -> Any:
        own = getattr(_SAID, "text", "")
        if own and from_format == "html" and to_format == "text":
            return own
        return theirs(from_format, to_format, body, *more, **besides)

    setattr(plugin, _CONVERT, convert)
