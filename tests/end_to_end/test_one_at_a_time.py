"""A state folder belongs to one daemon at a time."""

import os
from pathlib import Path

import pytest

from tests.end_to_end.daemon import Daemon


@pytest.mark.fault(
    "second monitor, or port taken",
    part="whole monitor",
    outcome="The second one is refused and touches nothing.",
)
def test_a_second_daemon_is_refused_and_touches_nothing(tmp_path: Path):
    site = tmp_path / "site.yaml"
    site.write_text("site: {id: house, timezone: UTC}\n")
    with Daemon(site, tmp_path / "state").start() as first:
        before = {path.name for path in first.state.iterdir()}
        refused = first.command("run", str(site))
        demo = first.command("demo", "--for", "2s")

        assert (refused.returncode, demo.returncode) == (1, 1)
        assert f"another daemon keeps its state in {first.state}" in refused.stderr
        assert f"another daemon keeps its state in {first.state}" in demo.stderr
        assert {path.name for path in first.state.iterdir()} == before
        assert first.ask("status")["site"] == "house"


def test_a_pipe_is_no_site_file(tmp_path: Path):
    os.mkfifo(tmp_path / "site.yaml")
    daemon = Daemon(tmp_path / "site.yaml", tmp_path / "state")

    refused = daemon.command("run", str(tmp_path / "site.yaml"))

    assert refused.returncode == 78
    assert "is no ordinary file" in refused.stderr
