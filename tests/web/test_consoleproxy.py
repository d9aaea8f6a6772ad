"""The nginx of the documentation, as it stands there, in front of the console."""

import re
import ssl
import subprocess
from pathlib import Path

import httpx
import trustme

from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.site import ConsoleSettings
from tests.clock import ManualClock
from tests.servers.ports import free_port, wait_for_port
from tests.web.browsing import PASSWORD, accounts_of, front
from tests.web.serving import make_parts
from tests.web.test_linkproxy import MAIN

PAGE = (Path(__file__).parents[2] / "docs" / "console.md").read_text("utf-8")


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
        "127.0.0.1:8470": f"127.0.0.1:{behind}",
    }.items():
        assert example.count(written) == 1
        example = example.replace(written, here)
    config = folder / "nginx.conf"
    config.write_text(MAIN.format(folder=folder, example=example))
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    return config, trust


async def test_the_nginx_of_the_documentation_leads_to_the_console(
    journal: SqliteJournal, state: State, clock: ManualClock, tmp_path: Path
) -> None:
    port = free_port()
    settings = ConsoleSettings(base=f"https://house.example.org:{port}/fm", proxies=("127.0.0.0/8",))
    accounts = await accounts_of(state, clock)
    async with front(make_parts(journal, clock), accounts, settings) as served:
        await served.add("ana")
        config, trust = _configured(tmp_path, port, served.port)
        words = ["/usr/sbin/nginx", "-c", str(config), "-p", str(tmp_path), "-e", str(tmp_path / "error.log")]
        with (tmp_path / "nginx.log").open("ab") as log:
            process = subprocess.Popen(words, stdout=log, stderr=log)  # noqa: ASYNC220 - as a fixture starts it
        try:
            wait_for_port(port)
            origin = f"https://house.example.org:{port}"
            transport = httpx.AsyncHTTPTransport(verify=trust)
            headers = {"host": f"house.example.org:{port}", "origin": origin}
            async with httpx.AsyncClient(
                transport=transport, trust_env=False, headers=headers, timeout=60
            ) as http:

                async def ask(method: str, path: str, **more: object) -> httpx.Response:
                    where = f"https://127.0.0.1:{port}{path}"
                    extensions = {"sni_hostname": "house.example.org"}
                    return await http.request(method, where, extensions=extensions, **more)  # type: ignore[arg-type]

                stranger = await ask("GET", "/fm/")
                form = {"login": "ana", "password": PASSWORD}
                signed_in = await ask("POST", "/fm/login", data={**form, "next": "/account"})
                secret = signed_in.headers["set-cookie"].partition(";")[0]
                account = await ask("GET", "/fm/account", headers={"cookie": secret})
                forged = await ask("POST", "/fm/login", data=form, headers={"x-forwarded-for": "192.0.2.9"})
                outside = await ask("GET", "/api/v1/status")
        finally:
            process.terminate()
            process.wait(10)

    assert stranger.headers["location"] == "/fm/login"
    assert signed_in.headers["location"] == "/fm/account"
    assert secret.startswith("__Host-session=")
    assert account.status_code == 200
    assert 'href="/fm/static/' in account.text
    assert forged.status_code == 303
    assert {each.address for each in accounts.sessions("ana")} == {"127.0.0.1"}
    assert outside.status_code == 404
