"""What the tests of settings share: a site file written, loaded by the real drivers and rules."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from drivers import DRIVERS
from monitor.settings import Finding, Loaded, SettingsInvalid, load
from monitor.settings.tables import resolve
from rules.kinds import RULES

HEAD = """\
site: {id: house, name: House, timezone: Europe/Berlin}
connections:
  - {id: plant, modbus: {transport: tcp, host: 127.0.0.1}}
  - {id: broker, mqtt: {url: "mqtt://127.0.0.1"}}
"""

Load = Callable[..., Loaded]
Mistakes = Callable[..., tuple[Finding, ...]]


@pytest.fixture
def load_text(tmp_path: Path) -> Load:
    """Write a site file and load it; `head=False` when the text says everything itself."""

    def loader(text: str, *, head: bool = True, environ: Mapping[str, str] | None = None) -> Loaded:
        path = tmp_path / "site.yaml"
        path.write_text((HEAD if head else "") + text, encoding="utf-8")
        return load(path, drivers=resolve(DRIVERS), rules=resolve(RULES), environ=environ or {})

    return loader


@pytest.fixture
def mistakes(load_text: Load) -> Mistakes:
    """The findings of a site file that has mistakes."""

    def findings(text: str, *, head: bool = True, environ: Mapping[str, str] | None = None) -> tuple[Finding, ...]:
        with pytest.raises(SettingsInvalid) as caught:
            load_text(text, head=head, environ=environ)
        return caught.value.findings

    return findings
