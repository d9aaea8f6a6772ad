"""Keys of `sinks.influxdb` from one address, as the demo takes it."""

from urllib.parse import parse_qs, unquote, urlsplit

__all__ = ["influx_keys"]


def influx_keys(url: str) -> dict[str, str]:
    """Keys of `sinks.influxdb` from one address: `http://USER:PASSWORD@HOST:8086/BUCKET?org=O&token=T`."""
    parts = urlsplit(url)
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    keys = {"url": f"{parts.scheme}://{parts.hostname}:{parts.port or 8086}"}
    keys["bucket"] = parts.path.strip("/") or "facility"
    if parts.username:
        keys["token"] = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return keys | {key: query[key] for key in ("org", "token", "api", "access_bucket") if key in query}
