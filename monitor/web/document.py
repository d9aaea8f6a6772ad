"""The description of the API for programs (OpenAPI): what FastAPI says of routes, and what all of them share."""

from collections.abc import Mapping
from http import HTTPMethod
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from monitor.web.permits import PERMITS
from monitor.web.problems import MEDIA_TYPE, Problem, problems
from monitor.web.shapes import PREFIX

__all__ = ["App"]

_ABOUT: Final = """\
What the daemon knows and what it can be asked to do. Times are UTC in milliseconds. Lists that can be long are
answered in pages: `limit`, and the next page in the header `Link`. Refusals are problem details (RFC 9457)."""
_TAGS: Final[Mapping[str, tuple[str, str]]] = {
    "status": ("daemon", "How the daemon does"),
    "metrics": ("daemon", ""),
    "reload": ("daemon", ""),
    "devices": ("devices", "Devices, their readings and their past"),
    "connections": ("devices", ""),
    "events": ("devices", ""),
    "live": ("live", "What changes, while it does"),
    "search": ("search", "Finding things by their names"),
    "alarms": ("alarms", "Alarms and what people do about them"),
    "cases": ("alarms", ""),
    "rules": ("alarms", ""),
    "maintenance": ("alarms", ""),
    "notifications": ("notifications", "Who is told, and how"),
    "notify": ("notifications", ""),
    "duty": ("notifications", ""),
    "channels": ("notifications", ""),
    "dead-letters": ("sinks", "What is written out"),
    "influx": ("sinks", ""),
    "reports": ("reports", "Reports"),
    "meters": ("meters", "Meters: what was used, and what people say of them"),
    "access": ("access", "Doors and people"),
    "equipment": ("equipment", "Equipment and supply"),
    "supply": ("equipment", ""),
    "residents": ("residents", "Places at which residents report, and their codes"),
}
"""The first word of a path -> what it belongs to, and what that is."""
_EXAMPLES: Final[Mapping[str, str]] = {
    "connection": "plant-room",
    "device": "main-electricity",
    "ident": "boiler-room-display",
    "kind": "usage",
    "login": "ana",
    "name": "boiler-service",
    "occurrence": "0ea6bac274b31aac",
    "place": "hall",
    "roster": "duty",
    "rule": "undervoltage",
    "target": "undervoltage/main-electricity",
}
"""What stands in a path, as it might be in a house; the things of yours are listed by other routes."""
_REPLACED: Final = ("HTTPValidationError", "ValidationError")


class App(FastAPI):
    """An app that describes itself completely."""

    def openapi(self) -> dict[str, Any]:
        """Answer the description; made once."""
        if self.openapi_schema is None:
            self.openapi_schema = _complete(
                get_openapi(title=self.title, version=self.version, description=_ABOUT, routes=self.routes)
            )
        return self.openapi_schema


def _complete(told: dict[str, Any]) -> dict[str, Any]:
    schemas = told.setdefault("components", {}).setdefault("schemas", {})
    shapes: list[type[Problem]] = [Problem, *Problem.__subclasses__()]
    for shape in shapes:
        schemas[shape.__name__] = shape.model_json_schema()
    for name in _REPLACED:
        schemas.pop(name, None)
    tags: dict[str, str] = {}
    for path, methods in told["paths"].items():
        word = path.removeprefix(f"{PREFIX}/").split("/")[0]
        tag, about = _TAGS.get(word, (word, ""))
        tags[tag] = tags.get(tag) or about
        for method, operation in methods.items():
            operation["tags"] = [tag]
            operation["operationId"] = _name(method, path)
            operation["summary"] = operation.get("description", "").partition("\n\n")[0].partition(": ")[0]
            _refuses(operation, path, method.upper())
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path":
                    parameter["example"] = _EXAMPLES[parameter["name"]]
    told["tags"] = [{"name": name, "description": about} for name, about in sorted(tags.items())]
    return told


def _name(method: str, path: str) -> str:
    """The same for as long as the path is: `get_alarms_by_occurrence`."""
    words = path.removeprefix(f"{PREFIX}/").replace(":path", "").replace(".", "_").split("/")
    return "_".join((method, *(f"by_{word[1:-1]}" if word.startswith("{") else word for word in words))).replace(
        "-", "_"
    )


def _refuses(operation: dict[str, Any], path: str, method: str) -> None:
    """Name every refusal that comes before a route or with what it is handed."""
    answers = operation["responses"]
    if "422" in answers and MEDIA_TYPE not in answers["422"].get("content", {}):
        del answers["422"]  # as FastAPI would answer it
    statuses = {413, 415, 422} if "requestBody" in operation else set()
    statuses |= {422} if operation.get("parameters") else set()
    permit = PERMITS.get(path, PERMITS.get(path.replace("}", ":path}"), {})).get(method)
    statuses |= {400, 401, 403, 421, 429, 431} if permit is not None else set()
    if method == HTTPMethod.POST:
        statuses |= {503}
    for status, answer in problems(*sorted(statuses)).items():
        answers.setdefault(str(status), answer)
    operation["responses"] = dict(sorted(answers.items()))
