"""nginx for tests: InfluxDB 1.x behind it looks like one that has `/api/v2/write`, and a server that is busy."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.ports import free_port, wait_for_port

__all__ = ["Nginx", "nginx"]

_CONFIG = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size {max_body};
    map $arg_precision $precision {{ default $arg_precision; ns n; us u; }}
    map $http_authorization $user {{ default ""; "~^Token (?<name>[^:]+):" $name; }}
    map $http_authorization $password {{ default ""; "~^Token [^:]+:(?<word>.*)$" $word; }}
    server {{
        listen 127.0.0.1:{port}{tls};
        location = /api/v2/write {{
            if (-f {folder}/busy) {{ return 429; }}
            rewrite ^ /write?db=$arg_bucket&precision=$precision&u=$user&p=$password? break;
            proxy_set_header Authorization "";
            proxy_pass {url};
        }}
        error_page 429 @busy;
        location @busy {{
            add_header Retry-After 1 always;
            default_type application/json;
            return 429 '{{"code":"too many requests","message":"too many requests"}}';
        }}
        location / {{ {others}; }}
    }}
}}
"""


class Nginx:
    """A running nginx; while `busy(True)`, every write is answered 429 with `Retry-After: 1`."""

    def __init__(self, folder: Path, port: int, *, tls: bool = False) -> None:
        self.port = port
        self.url = f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"
        self._busy = folder / "busy"

    def busy(self, busy: bool) -> None:  # noqa: FBT001
        if busy:
            self._busy.touch()
        else:
            self._busy.unlink(missing_ok=True)


@contextmanager
def nginx(
    folder: Path,
    influx_url: str,
    *,
    max_body: str = "25m",
    port: int | None = None,
    certificate: tuple[Path, Path] | None = None,
) -> Iterator[Nginx]:
    """Start nginx in front of an InfluxDB 1.x: `Token user:password` becomes credentials in the query.

    With a certificate and its key it speaks TLS and hands all other requests on as they are.
    """
    server = Nginx(folder, port or free_port(), tls=certificate is not None)
    config = folder / "nginx.conf"
    tls = "" if certificate is None else " ssl; ssl_certificate {}; ssl_certificate_key {}".format(*certificate)
    others = "return 404" if certificate is None else f"proxy_pass {influx_url}"
    config.write_text(
        _CONFIG.format(folder=folder, port=server.port, url=influx_url, max_body=max_body, tls=tls, others=others)
    )
    with (folder / "nginx.log").open("ab") as log:
        process = subprocess.Popen(
            ["/usr/sbin/nginx", "-c", str(config), "-p", str(folder), "-e", str(folder / "error.log")],
            stdout=log,
            stderr=log,
        )
        try:
            wait_for_port(server.port)
            yield server
        finally:
            process.terminate()
            process.wait(10)
