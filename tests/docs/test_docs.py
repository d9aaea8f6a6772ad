"""The documentation says what the program does, and nothing else: its examples load, its words are all there."""

import ast
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from pydantic import BaseModel

import monitor.errors
from drivers import DRIVERS
from monitor.cli.commands import app
from monitor.documents.explain import keys_of
from monitor.documents.files import Files
from monitor.documents.finding import Findings
from monitor.errors import FacilityMonitorError
from monitor.profiles.library import Library, Profile
from monitor.profiles.model import EventModel, PointModel
from monitor.schema import CLASSES, EVENT_KINDS, TRAFFIC_ERRORS
from monitor.settings import load, metershape, shape, sinkshape, tariffshape
from monitor.settings.delivery import RateKeys, SelfTestKeys
from monitor.settings.model import RuleModel, Selector
from monitor.settings.tables import resolve
from rules.kinds import RULES
from tests.docs.pages import ROOT, Example, anchors, commands, examples, links, pages, section
from tests.end_to_end.daemon import Daemon
from tests.servers.ports import free_port

EXAMPLES = list(examples())
ALL = "\n".join(page.read_text("utf-8") for page in pages())
STATUS = ROOT / "docs" / "status.md"

# What a fragment needs around it; a page's own entries of the same id take their places.
CONNECTIONS = {
    "plant-room": {"modbus": {"transport": "tcp", "host": "127.0.0.1"}},
    "broker": {"mqtt": {"url": "mqtt://127.0.0.1"}},
}
DEVICES = {
    "main": {"profile": "eastron-sdm630", "connection": "plant-room", "unit": 1, "every": "10 s"}
    | {"building": "A", "role": "main"},
    "cold-main": {"profile": "xintai-water", "connection": "plant-room", "unit": 21, "every": "10 s"}
    | {"building": "A", "role": "main"},
    "cold-flats": {"profile": "xintai-water", "connection": "plant-room", "unit": 22, "every": "10 s"}
    | {"building": "A", "role": "sub"},
    "gas-flats": {"profile": "diehl-aerius", "connection": "broker", "topic": "wmbus/gas-flats", "every": "5 min"}
    | {"building": "A", "role": "sub", "gas": {"calorific_value": "11.2 kWh/m3"}},
    "leak": {"profile": "aqara-sjcgq11lm", "connection": "broker", "topic": "zigbee/leak"},
    "door": {"profile": "aqara-mccgq11lm", "connection": "broker", "topic": "zigbee/door"},
    "cistern": {"connection": "plant-room", "unit": 9, "every": "5 s", "class": "water"}
    | {"points": {"level_m": {"register": "holding 100", "type": "float32", "unit": "m"}}
       | {"pressure_bar": {"register": "holding 102", "type": "float32", "unit": "bar"}}},
}  # fmt: skip

NOTIFY = {
    "people": [{"id": "somebody", "channels": {"here": "terminal:"}}],
    "teams": [{"id": "everybody", "members": ["somebody"]}],
    "routes": [{"team": "everybody"}],
}


def models() -> list[type[BaseModel]]:
    """Every model that a file of settings is checked by, with those inside it."""
    tables = [*resolve(DRIVERS).values()]
    shapes = (shape, metershape, sinkshape, tariffshape)
    tops = [getattr(module, name) for module in shapes for name in module.__all__] + [
        RuleModel,
        Selector,
        PointModel,
        EventModel,
        RateKeys,
        SelfTestKeys,
    ]
    tops += [kind.model for kind in resolve(RULES).values()]
    for driver in tables:
        tops += [driver.connection_model, driver.device_model, driver.profile_model, driver.point_model]
        tops += [driver.event_model] if driver.event_model else []
    seen: set[type[BaseModel]] = set()
    while tops:
        model = tops.pop()
        if model not in seen:
            seen.add(model)
            tops += [each for field in model.model_fields.values() for each in _inside(field.annotation)]
    return sorted(seen, key=lambda model: model.__name__)


def _inside(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [each for part in getattr(annotation, "__args__", ()) for each in _inside(part)]


@pytest.mark.parametrize("model", models(), ids=lambda model: model.__name__)
def test_every_key_is_explained_and_has_an_example(model: type[BaseModel]) -> None:
    shown = "\n".join(example.text for example in EXAMPLES)
    keys = keys_of(model)

    assert [key for key in keys if not re.search(rf"`(?:- |[a-z_.]+\.)?{key}(?::[^`]*)?`", ALL)] == []
    assert [
        key
        for key in keys
        if not re.search(rf"\b{key}:", shown) and not re.search(rf"`[^`\n]*\b{key}:[^`\n]*`", ALL)
    ] == []


def test_every_example_says_what_it_is() -> None:
    assert [
        str(example)
        for example in EXAMPLES
        if example.mark not in {"site", "profile", "together", "answers", "faults", "followed"}
    ] == []
    assert len(EXAMPLES) > 20


@pytest.mark.parametrize("example", [each for each in EXAMPLES if each.mark == "site"], ids=str)
def test_an_example_of_the_site_file_is_accepted(example: Example, tmp_path: Path) -> None:
    sections = {line.split(":")[0] for line in example.text.splitlines() if re.match(r"[a-z]+:", line)}
    around: dict[str, Any] = {}
    if "site" not in sections:
        around["site"] = {"id": "house", "timezone": "Europe/Berlin"}
    for name, entries in (("connections", CONNECTIONS), ("devices", DEVICES)):
        wanted = [{"id": key} | entry for key, entry in entries.items() if f"id: {key}," not in example.text]
        wanted = [entry for entry in wanted if f"id: {entry['id']} " not in example.text]
        around[name] = wanted
    if "notify" not in sections:
        around["notify"] = NOTIFY
    (tmp_path / "example.yaml").write_text(example.text, "utf-8")
    (tmp_path / "around.yaml").write_text(yaml.safe_dump(around), "utf-8")

    loaded = load(tmp_path, drivers=resolve(DRIVERS), rules=resolve(RULES), environ={})

    fine = ("stock rule", "is experimental")
    bad = [each for each in loaded.warnings if not each.refuses and not any(word in str(each) for word in fine)]
    assert bad == []


def test_the_examples_that_belong_together_are_one_site(tmp_path: Path) -> None:
    for number, example in enumerate(each for each in EXAMPLES if each.mark == "together"):
        (tmp_path / f"{number:02}.yaml").write_text(example.text, "utf-8")

    assert load(tmp_path, drivers=resolve(DRIVERS), rules=resolve(RULES), environ={}).site.devices


@pytest.mark.parametrize("example", [each for each in EXAMPLES if each.mark == "profile"], ids=str)
def test_an_example_of_a_profile_is_accepted(example: Example, tmp_path: Path) -> None:
    (tmp_path / "example.yaml").write_text(example.text, "utf-8")
    findings = Findings()
    files = Files(findings, folder=tmp_path, environ={}, credentials=None)
    library = Library([tmp_path], drivers=resolve(DRIVERS), files=files, findings=findings)

    profile = library.get("example")

    assert isinstance(profile, Profile), findings.errors
    assert all(library.bind(profile, driver) for driver in profile.drivers), findings.errors


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        if not re.match(r"https?:", link):
            there = (page.parent / path).resolve() if path else page
            assert there.exists(), link
            assert not anchor or anchor in anchors(there), link


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    named = re.findall(
        r"`((?:monitor|drivers|rules|config|tests|docs|systemd|requirements)/[\w./-]*)`", page.read_text()
    )

    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_page_is_reached_from_the_index() -> None:
    index = ROOT / "docs" / "index.md"
    reached, waiting = {index}, [index]
    while waiting:
        page = waiting.pop()
        for link in links(page):
            there = (page.parent / link.partition("#")[0]).resolve()
            if there.suffix == ".md" and there not in reached and there.exists():
                reached.add(there)
                waiting.append(there)

    assert [page.name for page in pages()[1:] if page not in reached] == []


@pytest.mark.parametrize(
    "page", [page for page in pages() if page.name != "commands.md"], ids=lambda page: page.name
)
def test_commands_that_are_shown_exist(page: Path) -> None:
    for shown in commands(page):
        words = shlex.split(re.sub(r"[.;,)]+$", "", shown.split(" > ")[0]), comments=True)
        known: Any = typer.main.get_command(app)
        while words and words[0] in getattr(known, "commands", {}):
            known = known.commands[words.pop(0)]
        assert not (words and hasattr(known, "commands")) or words[0].startswith("-"), shown
        options = {name for parameter in known.params for name in parameter.opts}
        used = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert used <= options | {"--help"}, shown


def test_every_shipped_file_is_mentioned() -> None:
    mentioned = ALL + (ROOT / "pyproject.toml").read_text()
    shipped = [path for path in (ROOT / "config").rglob("*") if path.suffix in {".yaml", ".conf", ".json"}]
    shipped += [path for path in (ROOT / "systemd").iterdir() if path.is_file()]

    assert len(shipped) > 20
    assert [path.name for path in shipped if not _is_mentioned(path, mentioned)] == []


def _is_mentioned(path: Path, text: str) -> bool:
    """By its name, or, what is one of many in a folder, by its stem in a table."""
    return path.name in text or f"`{path.stem}`" in text


def test_every_class_and_kind_of_event_is_explained() -> None:
    kinds = section(STATUS, "## Events")

    assert [kind for kind in EVENT_KINDS if f"`{kind}`" not in kinds] == []
    assert [name for name in CLASSES if f"`{name}`" not in ALL] == []


def test_every_error_and_exit_code_is_explained() -> None:
    text = section(STATUS, "## Errors and exit codes")
    found = [each for each in vars(monitor.errors).values() if isinstance(each, type)]
    errors = [each for each in found if each.__module__ == monitor.errors.__name__]

    assert [each.__name__ for each in errors if f"`{each.__name__}`" not in text] == []
    assert all(issubclass(each, FacilityMonitorError) for each in errors)
    assert [code for code in (0, 1, 2, 78) if f"| {code} |" not in text] == []


def test_every_kind_of_error_on_the_wire_is_explained() -> None:
    table = section(STATUS, "## Errors on the wire")

    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(TRAFFIC_ERRORS)


def test_every_line_of_the_log_is_explained() -> None:
    events = {event for folder in ("monitor", "drivers", "rules") for event in _logged(ROOT / folder)}

    assert len(events) > 30
    assert sorted(event for event in events if f"`{event}`" not in ALL) == []


def _logged(folder: Path) -> Iterator[str]:
    """The events that the code of a folder logs."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
                continue
            if "log" in ast.unparse(node.func.value).lower() and node.func.attr in _LEVELS:
                yield from (
                    one.value
                    for one in ast.walk(node.args[0])
                    if isinstance(one, ast.Constant) and isinstance(one.value, str)
                )


_LEVELS = {"info", "warning", "error", "exception", "critical"}


@pytest.fixture(scope="module")
def status(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Any]]:
    """What a daemon says of itself that has one of everything, all of it away."""
    folder = tmp_path_factory.mktemp("status")
    site = {
        "site": {"id": "house", "timezone": "Europe/Berlin"},
        "connections": [
            {"id": "plant-room", "modbus": {"transport": "tcp", "host": "127.0.0.1", "port": free_port()}},
            {"id": "broker", "mqtt": {"url": f"mqtt://127.0.0.1:{free_port()}"}},
        ],
        "devices": [{"id": key} | device for key, device in DEVICES.items()],
        "sinks": {"influxdb": {"url": f"http://127.0.0.1:{free_port()}"}},
    }
    (folder / "site.yaml").write_text(yaml.safe_dump(site))
    with Daemon(folder / "site.yaml", folder / "state") as daemon:
        daemon.start()
        daemon.stop()
        daemon.start()
        yield daemon.until(lambda: _down(daemon.ask("status")), "InfluxDB is missed")


def _down(status: Any) -> Any:
    return status if status and status["sinks"]["influxdb"]["last_error"] else None


_SOMETIMES = {"answering", "degraded", "flapping", "suspended", "problem", "what_to_do"}
SECTIONS = [
    "downtime",
    "devices",
    "connections",
    "poller",
    "journal",
    "access",
    "equipment",
    "metering",
    "access",
    "equipment",
    "sinks",
    "notify",
    "itself",
    "alarms",
]


@pytest.mark.parametrize("name", SECTIONS)
def test_every_fact_of_status_is_explained(status: Mapping[str, Any], name: str) -> None:
    facts = status[name]
    if name in {"connections", "sinks"}:
        facts = {key: fact for each in facts.values() for key, fact in each.items()}
    text = section(STATUS, f"### {name}")

    assert facts
    assert [key for key in facts if f"`{key}`" not in text] == []
    explained = {
        key for row in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE) for key in re.findall(r"`(\w+)`", row)
    }
    assert sorted(explained - set(facts) - _SOMETIMES) == []


def test_status_has_no_other_sections(status: Mapping[str, Any]) -> None:
    text = section(STATUS, "## `status --json`, key by key")

    assert [key for key in status if f"`{key}`" not in text] == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_no_page_names_this_machine_or_a_package_index(page: Path) -> None:
    text = page.read_text("utf-8")
    strange = [str(ROOT), str(Path.home()) + "/", "/tmp/", "pypi", "files.pythonhosted", "index-url"]

    assert [word for word in strange if word in text] == []
