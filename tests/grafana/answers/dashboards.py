"""Panels of a dashboard, each with what it shows."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.grafana.answers.formats import as_number
from tests.grafana.answers.frames import Field, Frame, display_name
from tests.grafana.answers.looks import Display, configured, display
from tests.grafana.answers.ranges import Range, interval_text, of_panel, width_of_interval
from tests.grafana.answers.reducers import reduced
from tests.grafana.answers.source import Series, Source, series_frames, table_frames
from tests.grafana.answers.transform import transformed
from tests.grafana.answers.variables import ALL, Chosen, fill, substitute, variables_of

__all__ = ["Answer", "Answers", "Mark"]

Json = Mapping[str, Any]
_COLUMN = 78
"""Width in pixels of one of 24 columns on a display of 1920."""


@dataclass(frozen=True, slots=True)
class Mark:
    """An annotation: a moment, or a region where `end` is later (milliseconds)."""

    begin: int
    end: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one panel shows. `raw` are its frames before transformations, `frames` after all of it."""

    panel: Json
    range: Range
    queries: Sequence[str]
    found: Sequence[Sequence[Series]]
    raw: Sequence[Frame]
    frames: Sequence[Frame]
    now: datetime
    interval: int

    @property
    def title(self) -> str:
        return str(self.panel.get("title", ""))

    def named(self, column: Field, frame: Frame) -> str:
        """What a series or a column is called."""
        return display_name(column, frame, self.frames)

    def shown(self, column: Field, value: Any) -> Display:
        """A value of a column as text with its colour."""
        return display(column, value, self.now, self.range.zone)

    def numbers(self) -> Iterator[tuple[Field, Frame]]:
        """Fields of numbers and their frames."""
        for frame in self.frames:
            for column in frame.fields:
                if column.type == "number":
                    yield column, frame

    def stats(self) -> list[tuple[str, Display, Field]]:
        """Title, value and field of each number of a stat, gauge or bar gauge, as `getFieldDisplayValues`."""
        how = self.panel["options"]["reduceOptions"]
        limit, found = how.get("limit") or 25, []
        for column, frame in self.numbers():
            for value, title in self._values(column, frame, how):
                found.append((title, self.shown(column, value), column))
                if how["values"] and len(found) >= limit:
                    return found
        return found

    def _values(self, column: Field, frame: Frame, how: Json) -> Iterator[tuple[Any, str]]:
        if not how["values"]:
            for calc in how["calcs"] or ["last"]:
                yield reduced(column, calc), self.named(column, frame)
            return
        texts = [each for each in frame.fields if each.type == "string" and each is not column]
        others = any(each.type == "number" for each in frame.fields if each is not column)
        for row, value in enumerate(column.values):
            parts = [str(each.values[row] or "") for each in texts]
            parts = [part for part in parts if part]
            name = column.config.get("displayName")
            yield value, name or " ".join([*parts, *([self.named(column, frame)] if others or not parts else [])])

    def table(self) -> tuple[list[str], list[list[Display]], list[Field]]:
        """Headings, rows and columns that a table shows, in its order."""
        if not self.frames:
            return [], [], []
        frame = self.frames[min(self.panel["options"].get("frameIndex", 0), len(self.frames) - 1)]
        columns = [each for each in frame.fields if not _is_hidden(each)]
        names = [self.named(each, frame) for each in columns]
        order = list(range(frame.length))
        for rule in reversed(self.panel["options"].get("sortBy", [])):
            named = {self.named(each, frame): each for each in frame.fields}
            if rule["displayName"] in named:
                values = named[rule["displayName"]].values
                order.sort(key=lambda row: _sortable(values[row]), reverse=bool(rule.get("desc")))
        return names, [[self.shown(each, each.values[row]) for each in columns] for row in order], columns

    @property
    def is_empty(self) -> bool:
        """Whether there is no value at all."""
        kinds = {"time"} if self.panel["type"] != "table" else set()
        values = [
            value for frame in self.frames for column in frame.fields if column.type not in kinds
            for value in column.values
        ]  # fmt: skip
        return not any(value is not None and value != "" for value in values)


def _is_hidden(column: Field) -> bool:
    custom = column.config.get("custom", {})
    return bool(custom.get("hidden") or custom.get("hideFrom", {}).get("viz"))


def _sortable(value: Any) -> tuple[int, float, str]:
    number = as_number(value)
    return (0, 0.0, "") if value is None else (1, 0.0 if math.isnan(number) else number, str(value))


class Answers:
    """A dashboard that somebody looks at: what is chosen, the time, a server."""

    def __init__(self, dashboard: Json, source: Source, chosen_range: Range, chosen: Chosen | None = None) -> None:
        self.dashboard = dashboard
        self.source = source
        self.range = chosen_range
        variables = variables_of(dashboard)
        self._all = {each["name"]: each.get("allValue") or ".*" for each in variables}
        self.chosen: dict[str, Sequence[str]] = {each["name"]: [ALL] for each in variables}
        for each in dashboard["templating"]["list"]:
            if each["type"] == "datasource":
                self.chosen[each["name"]] = [each["name"]]
            elif each["type"] in {"constant", "custom", "textbox", "interval"}:
                self.chosen[each["name"]] = [str(each.get("current", {}).get("value", each["query"]))]
        for name, values in (chosen or {}).items():
            assert name in self.chosen, f"the dashboard has no variable {name}"
            self.chosen[name] = list(values)

    def panels(self) -> list[Json]:
        """All panels with something to show, those of folded rows too."""
        found: list[Json] = []
        for panel in self.dashboard["panels"]:
            found += panel.get("panels", []) if panel["type"] == "row" else [panel]
        return found

    def options(self, variable: str) -> list[str]:
        """What can be chosen for a variable, after what is chosen before it."""
        [known] = [each for each in variables_of(self.dashboard) if each["name"] == variable]
        query = substitute(known["query"], self.chosen, self._all)
        query = fill(query, *self.range.ms, 60_000)
        values = {row[1] for series in self.source.ask(query, _variable(known)) for row in series.values}
        return sorted(values)

    def sent(self, target: Json, panel: Json | None = None) -> str:
        """The query of a target as the server gets it."""
        chosen = of_panel(panel or {}, self.range)
        query = substitute(target["query"], self.chosen, self._all)
        return fill(query, *chosen.ms, self._interval(panel or {}, chosen))

    def _interval(self, panel: Json, chosen: Range) -> int:
        pixels = panel.get("maxDataPoints") or panel.get("gridPos", {"w": 24})["w"] * _COLUMN - 40
        return width_of_interval(chosen, pixels, panel.get("interval") or self.source.interval)

    def answer(self, panel: Json) -> Answer:
        """What a panel shows."""
        chosen = of_panel(panel, self.range)
        interval = self._interval(panel, chosen)
        queries, found, raw = [], [], list[Frame]()
        for target in panel.get("targets", []):
            if target.get("hide"):
                continue
            query = self.sent(target, panel)
            series = self.source.ask(query, _variable(target))
            queries.append(query)
            found.append(series)
            if target["resultFormat"] == "table":
                raw += table_frames(series, target["refId"])
            else:
                alias = substitute(target.get("alias", ""), self.chosen, self._all)
                raw += series_frames(series, target["refId"], alias, interval_text(interval))
        frames = configured(transformed(raw, panel.get("transformations", [])), panel.get("fieldConfig", {}))
        return Answer(
            panel=panel, range=chosen, queries=queries, found=found, raw=raw, frames=frames,
            now=self.range.now, interval=interval,
        )  # fmt: skip

    def marks(self) -> list[Mark]:
        """The annotations in the dashboard's range."""
        found = []
        for each in self.dashboard["annotations"]["list"]:
            target = each.get("target", {})
            if not each.get("enable") or "query" not in target:
                continue
            for series in self.source.ask(self.sent(target), _variable(each)):
                place = {f"{series.name}.{name}": index for index, name in enumerate(series.columns)}
                for row in series.values:
                    begin, end = row[0], row[place[target["timeEndColumn"]]] or 0
                    found.append(Mark(begin, max(end, begin), str(row[place[target["titleColumn"]]])))
        return found


def _variable(holder: Json) -> str:
    return str(holder["datasource"]["uid"]).strip("${}")
