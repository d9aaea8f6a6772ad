"""A reader of line protocol, written from its description and not from the encoder."""

from typing import Any

__all__ = ["parse"]


def _split(text: str, stop: str, *, quotes: bool) -> list[str]:
    """Split at unescaped, unquoted `stop`."""
    parts, part, quoted, index = [], "", False, 0
    while index < len(text):
        letter = text[index]
        if letter == "\\" and index + 1 < len(text):
            part += text[index : index + 2]
            index += 2
            continue
        if quotes and letter == '"':
            quoted = not quoted
        if letter == stop and not quoted:
            parts.append(part)
            part = ""
        else:
            part += letter
        index += 1
    return [*parts, part]


def _plain(text: str) -> str:
    for letter in ", =":
        text = text.replace("\\" + letter, letter)
    return text


def _value(text: str) -> Any:
    if text.startswith('"'):
        assert text.endswith('"')
        assert len(text) > 1
        return text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    if text in {"true", "false"}:
        return text == "true"
    return int(text[:-1]) if text.endswith("i") else float(text)


def parse(line: bytes) -> tuple[str, dict[str, str], dict[str, Any], int]:
    """Answer measurement, tags, fields and time."""
    series = _split(line.decode(), " ", quotes=False)[0]
    fields, time = line.decode()[len(series) + 1 :].rsplit(" ", 1)
    measurement, *tags = _split(series, ",", quotes=False)
    pairs = [_split(tag, "=", quotes=False) for tag in tags]
    named = {}
    for field in _split(fields, ",", quotes=True):
        key, value = field.split("=", 1) if "\\=" not in field.split('"')[0] else _split(field, "=", quotes=True)
        named[_plain(key)] = _value(value)
    return _plain(measurement), {_plain(key): _plain(value) for key, value in pairs}, named, int(time)
