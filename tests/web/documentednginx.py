"""The nginx of the documentation, as it stands there, in front of pages of ours."""

import re
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import trustme

from tests.servers.ports import wait_for_port

__all__ = ["HOST", "DocumentedNginx", "documented_nginx"]

HOST: Final = "house.example.org"
_DOCS: Final = Path(__file__).parents[2] / "docs"
_MAIN: Final = """\
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


class DocumentedNginx:
    """A web server with the configuration of a page, on a port of this test; `log`: what it was asked for."""

    def __init__(self, port: int, log: Path, trust: ssl.SSLContext) -> None:
        self.origin = f"https://{HOST}:{port}"
        self.log = log
        self._port = port
        self._trust = trust

    def client(self, **headers: str) -> httpx.AsyncClient:
        """A client that trusts its certificate."""
        transport = httpx.AsyncHTTPTransport(verify=self._trust)
        headers = {"host": f"{HOST}:{self._port}", **headers}
        return httpx.AsyncClient(transport=transport, trust_env=False, headers=headers, timeout=60)

    @staticmethod
    async def ask(client: httpx.AsyncClient, method: str, url: str, **more: object) -> httpx.Response:
        """Reach that host where it is in this test, and ask for its certificate by its name."""
        here = url.replace(HOST, "127.0.0.1")
        return await client.request(method, here, extensions={"sni_hostname": HOST}, **more)  # type: ignore[arg-type]


@contextmanager
def documented_nginx(
    page: str, folder: Path, *, written: int, behind: int, port: int
) -> Iterator[DocumentedNginx]:
    """Run the nginx that a page shows on `port`, in front of `behind`, for which the page has `written`."""
    authority = trustme.CA()
    issued = authority.issue_cert(HOST)
    issued.cert_chain_pems[0].write_to_path(folder / "house.pem")
    issued.private_key_pem.write_to_path(folder / "house.key")
    found = re.search(r"```nginx\n(.*?)```", (_DOCS / page).read_text("utf-8"), re.DOTALL)
    assert found
    example = found[1]
    for there, here in {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "/etc/ssl/certs/house.pem": str(folder / "house.pem"),
        "/etc/ssl/private/house.key": str(folder / "house.key"),
        f"127.0.0.1:{written}": f"127.0.0.1:{behind}",
    }.items():
        assert example.count(there) == 1
        example = example.replace(there, here)
    config = folder / "nginx.conf"
    config.write_text(_MAIN.format(folder=folder, example=example))
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    words = ["/usr/sbin/nginx", "-c", str(config), "-p", str(folder), "-e", str(folder / "error.log")]
    with (folder / "nginx.log").open("ab") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        wait_for_port(port)
        yield DocumentedNginx(port, folder / "access.log", trust)
    finally:
        process.terminate()
        process.wait(10)
