"""The TLS side of a connection to a broker."""

import ssl

from drivers.mqtt.settings import MqttConnection

__all__ = ["tls_context"]


def tls_context(options: MqttConnection) -> ssl.SSLContext:
    """Read the CA and the client's certificate; OSError (ssl.SSLError is one) when a file is absent or wrong."""
    context = ssl.create_default_context(cafile=options.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if options.certificate is not None:
        context.load_cert_chain(options.certificate, options.key)
    return context
