"""What the compose file refers to is there, and fits what the commands write."""

import re
from pathlib import Path
from typing import Any

import yaml

import config
from monitor.grafana.provisioning import Connected, provision
from tests.sinks.site import a_site

_ROOT = Path(config.__path__[0]).parent
_FOLDER = _ROOT / "config" / "compose"
_PAGE = (_ROOT / "docs" / "compose.md").read_text("utf-8")


def _compose() -> dict[str, Any]:
    found = yaml.safe_load((_FOLDER / "compose.yaml").read_text("utf-8"))
    assert isinstance(found, dict)
    return found


def test_the_four_services_are_there_and_listen_on_this_machine_alone():
    services = _compose()["services"]

    assert set(services) == {"monitor", "influxdb", "mosquitto", "grafana"}
    for service in services.values():
        assert service["restart"] == "unless-stopped"
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:")


def test_images_are_of_a_version():
    for name, service in _compose()["services"].items():
        if name != "monitor":
            assert re.search(r":\d", service["image"])


def test_volumes_are_declared_and_files_of_ours_exist():
    compose = _compose()
    made_by_hand = set(re.search(r"mkdir -p ([\w/ -]+)", _PAGE)[1].split())

    for service in compose["services"].values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            if not source.startswith("."):
                assert source in compose["volumes"]
            elif (_FOLDER / source).resolve().is_file():
                continue
            else:
                top = Path(source).parts[0]
                assert {top, f"{top}/secrets"} & made_by_hand


def test_what_the_dockerfile_copies_and_installs_exists():
    text = (_FOLDER / "Dockerfile").read_text("utf-8")

    for file in re.findall(r"requirements/\w+\.txt", text):
        assert (_ROOT / file).is_file()
    build = _compose()["services"]["monitor"]["build"]
    assert (_FOLDER / build["context"]).resolve() == _ROOT
    assert (_ROOT / build["dockerfile"]).is_file()
    assert "--require-hashes" in text


def test_dashboards_lie_where_grafana_is_told_to_look():
    lies_at = re.search(r"--as (\S+)", _PAGE)[1]
    connected = Connected(
        url="http://influxdb:8086", bucket="facility", access_bucket="facility-access", api="v1", folder=lies_at
    )
    files = provision(a_site(), connected)
    grafana = _compose()["services"]["grafana"]

    mounts = {target: source for source, target, *_ in (volume.split(":") for volume in grafana["volumes"])}
    assert mounts["/etc/grafana/provisioning"] == "./grafana/provisioning"
    assert mounts[f"{lies_at}/dashboards"] == "./grafana/dashboards"
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home.removeprefix(f"{lies_at}/") in files
    providers = yaml.safe_load(files["provisioning/dashboards/facility-monitor.yaml"])["providers"]
    for provider in providers:
        assert provider["options"]["path"].startswith(f"{lies_at}/dashboards/")


def test_mosquitto_reads_the_file_that_keeps_what_waits():
    own = (_FOLDER / "mosquitto.conf").read_text("utf-8")
    mounted = [volume for volume in _compose()["services"]["mosquitto"]["volumes"] if volume.endswith(":ro")]

    folder = re.search(r"include_dir (\S+)", own)[1]
    assert any(volume.split(":")[1].startswith(folder) for volume in mounted)
    assert "allow_anonymous false" in own
