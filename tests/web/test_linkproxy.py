"""The nginx of the documentation, as it stands there, in front of the pages behind links."""

import re
import ssl
import subprocess
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
import trustme

from monitor.app.links import LinkParts, make_links
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.site import Site
from monitor.staff import Links, Notify, Person
from tests.alarms.household import DEVICES, LOW, House, site
from tests.clock import ManualClock
from tests.rules.build import reading
from tests.servers.ports import free_port, wait_for_port
from tests.web.linkhouse import Pages, files_of, serving_links

PAGE = (Path(__file__).parents[2] / "docs" / "notifications.md").read_text("utf-8")
MAIN = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
events {{ worker_connections 64; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {example}
}}
"""


def _configured(folder: Path, port: int, behind: int) -> tuple[Path, ssl.SSLContext]:
    """The example with this test's ports and certificate."""
    authority = trustme.CA()
    issued = authority.issue_cert("house.example.org")
    issued.cert_chain_pems[0].write_to_path(folder / "house.pem")
    issued.private_key_pem.write_to_path(folder / "house.key")
    found = re.search(r"```nginx\n(.*?)```", PAGE, re.DOTALL)
    assert found
    example = found[1]
    for written, here in {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "/etc/ssl/certs/house.pem": str(folder / "house.pem"),
        "/etc/ssl/private/house.key": str(folder / "house.key"),
        "127.0.0.1:8480": f"127.0.0.1:{behind}",
    }.items():
        assert example.count(written) == 1
        example = example.replace(written, here)
    config = folder / "nginx.conf"
    config.write_text(MAIN.format(folder=folder, example=example))
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    return config, trust


@pytest.fixture
def house(journal: SqliteJournal, state: State, clock: ManualClock) -> House:
    return House(journal, state, clock)


async def test_the_nginx_of_the_documentation_serves_the_links_and_nothing_else(
    house: House, tmp_path: Path
) -> None:
    port, behind = free_port(), free_port()
    config, trust = _configured(tmp_path, port, behind)
    links = Links(base=f"https://house.example.org:{port}/fm", host="127.0.0.1", port=behind)
    there = Site(
        id="s",
        name="S",
        timezone=ZoneInfo("UTC"),
        devices=DEVICES,
        rules=site({**LOW, "on_delay": "0 s"}).rules,
        notify=Notify(people={"ana": Person(id="ana", name="Ana", language="en", channels={})}, links=links),
    )
    parts = make_links(there, tmp_path, files_of(house), house.clock.now)
    assert isinstance(parts, LinkParts)
    words = ["/usr/sbin/nginx", "-c", str(config), "-p", str(tmp_path), "-e", str(tmp_path / "error.log")]
    with (tmp_path / "nginx.log").open("ab") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)  # noqa: ASYNC220 - as a fixture starts it
    try:
        wait_for_port(port)
        transport = httpx.AsyncHTTPTransport(verify=trust)
        headers = {"host": f"house.example.org:{port}"}
        async with (
            house.running(there),
            serving_links(house, parts),
            httpx.AsyncClient(transport=transport, trust_env=False, headers=headers) as client,
        ):
            browser = _Browser(client, port)
            pages = Pages(house, parts, browser)  # type: ignore[arg-type] - as far as a page needs one
            await house.say(reading(0, 200.0), at=0)
            link = parts.sign((await house.only()).occurrence, "ana")
            page = await browser.get(link)
            outside = [(await browser.get(link.partition("/fm/")[0] + path)).status_code for path in OTHERS]
            guesses = [(await browser.get(f"{links.base}/a/guess-{number}")).status_code for number in range(15)]
            pressed = await pages.press(link)
            kept = await pages.acknowledged()
    finally:
        process.terminate()
        process.wait(10)

    assert "I take care" in page.text
    assert outside == [404] * len(OTHERS)
    assert set(guesses) == {404, 429}
    assert "Done." in pressed.text
    assert [each.by for each in kept] == ["Ana, by link"]
    assert link.rpartition("/")[2] not in (tmp_path / "access.log").read_text()


OTHERS = ("/", "/fm", "/fm/", "/a/x", "/fm/api/v1/status", "/fm/a/../api/v1/status", "/metrics")


class _Browser:
    """Reaches house.example.org where it is in this test, and asks for its certificate by that name."""

    def __init__(self, client: httpx.AsyncClient, port: int) -> None:
        self._client = client
        self._port = port

    async def get(self, url: str) -> httpx.Response:
        return await self._ask("GET", url)

    async def post(self, url: str, data: dict[str, str]) -> httpx.Response:
        return await self._ask("POST", url, data=data)

    async def _ask(self, method: str, url: str, **more: object) -> httpx.Response:
        return await self._client.request(
            method,
            url.replace("house.example.org", "127.0.0.1"),
            extensions={"sni_hostname": "house.example.org"},
            **more,  # type: ignore[arg-type]
        )
