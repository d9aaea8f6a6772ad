"""The nginx of the documentation, as it stands there, in front of the console."""

from pathlib import Path

import httpx

from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.site import ConsoleSettings
from tests.clock import ManualClock
from tests.servers.ports import free_port
from tests.web.browsing import PASSWORD, accounts_of, front
from tests.web.documentednginx import HOST, documented_nginx
from tests.web.serving import make_parts


async def test_the_nginx_of_the_documentation_leads_to_the_console(
    journal: SqliteJournal, state: State, clock: ManualClock, tmp_path: Path
) -> None:
    port = free_port()
    settings = ConsoleSettings(base=f"https://{HOST}:{port}/fm", proxies=("127.0.0.0/8",))
    accounts = await accounts_of(state, clock)
    async with front(make_parts(journal, clock), accounts, settings) as served:
        await served.add("ana")
        with documented_nginx("console.md", tmp_path, written=8470, behind=served.port, port=port) as nginx:
            async with nginx.client(origin=nginx.origin) as http:

                async def ask(method: str, path: str, **more: object) -> httpx.Response:
                    return await nginx.ask(http, method, nginx.origin + path, **more)

                stranger = await ask("GET", "/fm/")
                form = {"login": "ana", "password": PASSWORD}
                signed_in = await ask("POST", "/fm/login", data={**form, "next": "/account"})
                secret = signed_in.headers["set-cookie"].partition(";")[0]
                account = await ask("GET", "/fm/account", headers={"cookie": secret})
                forged = await ask("POST", "/fm/login", data=form, headers={"x-forwarded-for": "192.0.2.9"})
                outside = await ask("GET", "/api/v1/status")

    assert stranger.headers["location"] == "/fm/login"
    assert signed_in.headers["location"] == "/fm/account"
    assert secret.startswith("__Host-session=")
    assert account.status_code == 200
    assert 'href="/fm/static/' in account.text
    assert forged.status_code == 303
    assert {each.address for each in accounts.sessions("ana")} == {"127.0.0.1"}
    assert outside.status_code == 404
