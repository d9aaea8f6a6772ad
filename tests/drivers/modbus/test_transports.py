"""TLS and datagrams: what is said when the other end is not what was thought, and what is never believed."""

import asyncio
import datetime as dt
import ipaddress
import socket
import ssl
import threading
from contextlib import suppress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from monitor.simulation.modbus import Unit
from tests.drivers.modbus.endpoints import Stream
from tests.drivers.modbus.site import device, driver_of, point
from tests.servers.ports import free_port

METER = device(point("power_w", register="input 0", type="float32"))


def filled():
    unit = Unit(METER)
    unit.put("power_w", 1.5)
    return unit


async def read_once(written, **options):
    modbus = driver_of(written, METER, timeout="10 s", **options)
    answer = await modbus.read("meter", "fast")
    advice = modbus.advice("meter")
    await modbus.close()
    return answer, advice


# TLS ------------------------------------------------------------------------------------------------------


def self_made(folder, *, name="127.0.0.1", days=(-10, 10)):
    """A certificate of whatever name and dates, signed by itself; answer the server's side and its file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "meter")])
    now = dt.datetime.now(dt.UTC)
    try:
        other = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        other = x509.DNSName(name)
    certificate = (
        x509.CertificateBuilder(subject_name=subject, issuer_name=subject, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + dt.timedelta(days=days[0]))
        .not_valid_after(now + dt.timedelta(days=days[1]))
        .add_extension(x509.SubjectAlternativeName([other]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    file, key_file = folder / "server.pem", folder / "server.key"
    file.write_bytes(pem)
    plain = serialization.NoEncryption()
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key_file)
    return context, str(file)


@pytest.fixture
async def behind():
    """Starts an endpoint behind some TLS context, or none; answer how it is written."""
    started = []

    async def start(context, **written):
        stream = Stream({1: filled()}, "tls", **written)
        stream.tls = context
        await stream.start()
        started.append(stream)
        return stream.written

    yield start
    for stream in started:
        await stream.stop()


async def test_with_the_right_certificate_all_is_well(behind, tmp_path):
    context, ca = self_made(tmp_path)

    answer, advice = await read_once(await behind(context, ca=ca))

    assert answer.values == {"power_w": 1.5}
    assert advice == ""


@pytest.mark.fault(
    "certificate wrong or expired",
    part="Modbus",
    outcome="Expired, for another name, signed by somebody else, or no TLS at all: nothing is read, and the error "
    "says which of them it is.",
)
@pytest.mark.parametrize(
    ("made", "told"),
    [
        ({"days": (-10, -1)}, "its certificate has expired"),
        ({"days": (1, 10)}, "its certificate is not valid yet"),
        ({"name": "10.9.8.7"}, "another address than `host`"),
        ({"name": "meter.example.net"}, "another address than `host`"),
    ],
)
async def test_a_certificate_that_does_not_fit_says_how(behind, tmp_path, made, told):
    context, ca = self_made(tmp_path, **made)

    answer, advice = await read_once(await behind(context, ca=ca))

    assert not answer.answered
    assert told in answer.error
    assert told in advice


async def test_a_certificate_of_an_unknown_authority_says_so(behind, tmp_path, certificates):
    context, _ = self_made(tmp_path)
    _, files = certificates()

    answer, _ = await read_once(await behind(context, ca=files["ca"]))

    assert "signed by nobody that `ca` names" in answer.error


async def test_an_endpoint_without_tls_says_so(behind, certificates):
    _, files = certificates()
    written = await behind(None, ca=files["ca"])

    modbus = driver_of(written, METER, timeout="500 ms")
    answer = await modbus.read("meter", "fast")

    assert "does not speak TLS" in answer.error
    await modbus.close()


@pytest.fixture
def refusing():
    """Starts a TLS server that tells its reasons, as OpenSSL does by itself; answer its port."""
    stop = threading.Event()
    threads = []

    def start(context):
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(0.05)

        def serve():
            while not stop.is_set():
                with suppress(OSError), listener.accept()[0] as client, client.dup() as raw:
                    client.settimeout(20)
                    with suppress(ssl.SSLError):
                        context.wrap_socket(client, server_side=True).close()
                    while raw.recv(4096):  # a reset would overtake the reason
                        pass
            listener.close()

        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        return listener.getsockname()[1]

    yield start
    stop.set()
    for thread in threads:
        thread.join()


async def test_an_endpoint_that_wants_our_certificate_says_so(refusing, certificates):
    context, files = certificates()
    written = {"transport": "tls", "host": "127.0.0.1", "port": refusing(context), "ca": files["ca"]}

    answer, advice = await read_once(written)

    assert not answer.answered
    assert "it wants a certificate of ours" in answer.error
    assert "it wants a certificate of ours" in advice


async def test_an_endpoint_that_does_not_take_our_certificate_says_so(refusing, tmp_path, certificates):
    context, files = certificates()
    (tmp_path / "other").mkdir()
    self_made(tmp_path / "other", name="monitor")
    ours = {"certificate": str(tmp_path / "other/server.pem"), "key": str(tmp_path / "other/server.key")}
    written = {"transport": "tls", "host": "127.0.0.1", "port": refusing(context), "ca": files["ca"]} | ours

    answer, _ = await read_once(written)

    assert not answer.answered
    assert "it does not accept our `certificate`" in answer.error


async def test_an_endpoint_that_closes_after_the_handshake_is_asked_for_the_certificate(behind, certificates):
    """asyncio's server tells no reason."""
    context, files = certificates()

    answer, advice = await read_once(await behind(context, ca=files["ca"]))

    assert "it may want a certificate of ours" in answer.error
    assert "it may want a certificate of ours" in advice


async def test_files_that_are_absent_or_hold_something_else_are_told(behind, tmp_path):
    context, _ = self_made(tmp_path)
    (tmp_path / "nothing.pem").write_text("nothing")

    absent, _ = await read_once(await behind(context, ca=str(tmp_path / "absent.pem")))
    other, _ = await read_once(await behind(context, ca=str(tmp_path / "nothing.pem")))

    assert "No such file" in absent.error
    assert "not what its file should hold" in other.error


async def test_a_renewed_certificate_is_taken_without_a_restart(behind, tmp_path):
    context, ca = self_made(tmp_path, days=(-10, -1))
    modbus = driver_of(await behind(context, ca=ca), METER, timeout="10 s")
    expired = await modbus.read("meter", "fast")
    self_made(tmp_path)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")

    renewed = await modbus.read("meter", "fast")

    assert not expired.answered
    assert renewed.values == {"power_w": 1.5}
    await modbus.close()


# Datagrams ------------------------------------------------------------------------------------------------


@pytest.mark.fault(
    "converter away",
    part="Modbus",
    outcome="Over UDP the refusal of the other end is an error at once, not a time-out.",
)
async def test_a_datagram_that_is_refused_is_an_error_at_once():
    written = {"transport": "udp", "host": "127.0.0.1", "port": free_port()}

    async with asyncio.timeout(30):
        modbus = driver_of(written, METER, timeout="50 s")
        answer = await modbus.read("meter", "fast")

    assert "(Connection refused)" in answer.error
    assert modbus.traffic("meter").errors == {"no_connection": 1}
    assert "nobody listens" in modbus.advice("meter")
    await modbus.close()


async def test_a_datagram_that_was_refused_is_forgotten_once_somebody_listens(on):
    endpoint = await on("udp", {1: filled()})
    modbus = driver_of(endpoint.written, METER, timeout="10 s")
    await endpoint.stop()
    refused = await modbus.read("meter", "fast")
    await endpoint.start()

    answer = await modbus.read("meter", "fast")

    assert not refused.answered
    assert answer.values == {"power_w": 1.5}
    await modbus.close()


async def test_half_a_datagram_is_not_joined_with_the_next(on):
    endpoint = await on("udp", {1: filled()})
    endpoint.bend = lambda _request, answer: (answer[:5], answer[5:], 0.01, answer)
    modbus = driver_of(endpoint.written, METER, timeout="10 s")

    answer = await modbus.read("meter", "fast")

    assert answer.values == {"power_w": 1.5}
    await modbus.close()


async def test_a_late_datagram_is_not_taken_for_the_next_answer(on):
    of = device(
        *(point(f"power_l{n}_w", register=f"input {n * 100}", type="float32") for n in (1, 2)), profile={"gap": 0}
    )
    unit = Unit(of)
    unit.put("power_l1_w", 1.0)
    unit.put("power_l2_w", 2.0)
    endpoint = await on("udp", {1: unit})
    modbus = driver_of(endpoint.written, of, timeout="300 ms", retries=1)
    unit.faults.delay = 0.35
    answers = [await modbus.read("meter", "fast")]
    unit.faults.delay = 0.0

    answers += [await modbus.read("meter", "fast") for _ in range(3)]

    assert all(answer.values.items() <= {"power_l1_w": 1.0, "power_l2_w": 2.0}.items() for answer in answers)
    assert len(answers[-1].values) == 2
    await modbus.close()


async def test_a_datagram_of_a_stranger_is_not_heard(on):
    endpoint = await on("udp", {1: filled()})
    endpoint.units[1].faults.delay = 0.2
    modbus = driver_of(endpoint.written, METER, timeout="10 s")
    reading = asyncio.create_task(modbus.read("meter", "fast"))
    await asyncio.sleep(0.1)
    ours = modbus._links._links[0]._channel.transport.get_extra_info("sockname")
    loop = asyncio.get_running_loop()
    stranger, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
    stranger.sendto(bytes.fromhex("000100000007010404") + b"\x42\x42\x42\x42", ours)

    answer = await reading

    assert answer.values == {"power_w": 1.5}
    stranger.close()
    await modbus.close()
