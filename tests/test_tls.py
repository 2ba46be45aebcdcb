"""The desk speaks TLS by itself, and does not speak in the open unless it is told to."""

import asyncio
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
import trustme
from aiohttp import ClientSession, FormData, TCPConnector

from servicedesk.settings import BadSetting, load
from servicedesk.web import tls
from servicedesk.web.tls import BadCertificate, Certificate
from tests.programs import Server, run, serving

ADA = {"email": "ada@example.org", "password": "printer on fire"}
END = datetime(2041, 2, 3, 4, 5, 6, tzinfo=UTC)


class Pair:
    """A certificate and its key, as somebody puts them down."""

    def __init__(self, folder: Path) -> None:
        self.ca = trustme.CA()
        self.certificate, self.key = folder / "desk.pem", folder / "desk.key"
        self.put()

    def put(self, until: datetime = END) -> None:
        issued = self.ca.issue_cert("desk.example", "127.0.0.1", not_after=until)
        self.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        self.key.write_bytes(issued.private_key_pem.bytes())

    @property
    def settings(self) -> dict[str, str]:
        return {"TLS_CERTIFICATE": str(self.certificate), "TLS_KEY": str(self.key)}

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self.ca.configure_trust(context)
        return context


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


def shown(pair: Pair, server: Server, name: str | None = "127.0.0.1") -> bytes:
    """Return the certificate that the desk shows to who connects now."""
    context = pair.context()
    context.check_hostname = name is not None
    port = int(server.url.rsplit(":", 1)[1])
    line = socket.create_connection(("127.0.0.1", port), 10)
    with context.wrap_socket(line, server_hostname=name) as spoken:
        return spoken.getpeercert(binary_form=True) or b""


async def test_with_a_certificate_people_log_in_upload_and_hear_over_https_alone(
    pair: Pair, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    add = ("user", "add", "--email", ADA["email"], "--name", "Ada", "--password-stdin")
    assert run(*add, "--data-dir", data_dir, given=ADA["password"]).returncode == 0
    with serving("--data-dir", data_dir, **pair.settings) as server:
        assert server.url.startswith("https://127.0.0.1:")
        async with ClientSession(server.url, connector=TCPConnector(ssl=pair.context())) as session:
            async with session.get("/login") as answer:
                cookie = next(iter(answer.cookies.values()))
            async with session.post("/api/auth/login", json=ADA) as answer:
                token = (await answer.json())["token"]
                assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
            bearer = {"Authorization": f"Bearer {token}"}
            async with session.get("/healthz") as answer:
                assert answer.status == 200
            async with session.post("/api/tickets/", json={"title": "It smokes"}, headers=bearer) as answer:
                assert answer.status == 201
            text = b"It smokes.\n" * 200_000
            async with session.post("/api/files/upload", data=_form(text), headers=bearer) as answer:
                assert answer.status == 201, await answer.text()
                where = (await answer.json())["download_url"]
            async with session.get(where, headers={**bearer, "Range": "bytes=1000000-"}) as answer:
                assert (answer.status, await answer.read()) == (206, text[1_000_000:])
            async with session.ws_connect("/ws", headers=bearer) as line:
                assert (await line.receive_json(timeout=10))["event"]
        server.signal()
        assert server.ended()[0] == 0

    assert cookie.key.startswith("__Host-")
    assert cookie["secure"]


def _form(text: bytes) -> FormData:
    form = FormData({"ticket_id": "1"})
    form.add_field("file", BytesIO(text), filename="smoke.txt")
    return form


def test_a_new_certificate_is_shown_a_broken_one_is_not_and_nothing_is_restarted(
    pair: Pair, tmp_path: Path
) -> None:
    with serving("--data-dir", tmp_path / "data", **pair.settings) as server:
        assert server.process.stderr is not None
        first = shown(pair, server)
        assert shown(pair, server, None) == first

        pair.key.write_text("no key")
        assert "is not taken, the old one stays" in heard(server, "TLS certificate")
        assert shown(pair, server) == first

        pair.put()
        assert "2041-02-03" in heard(server, "is in use")
        assert shown(pair, server) != first
        assert shown(pair, server, None) != first


def heard(server: Server, word: str) -> str:
    """Wait for a line of the log."""
    assert server.process.stderr is not None
    late = threading.Timer(30, server.process.kill)
    late.start()
    try:
        while line := server.process.stderr.readline():
            if word in line:
                return line
    finally:
        late.cancel()
    raise AssertionError(f"no word of {word}")


def test_old_tls_and_plain_http_are_not_spoken(pair: Pair, tmp_path: Path) -> None:
    with serving("--data-dir", tmp_path / "data", **pair.settings) as server:
        port = int(server.url.rsplit(":", 1)[1])
        old = pair.context()
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="deprecated"):
            old.minimum_version = ssl.TLSVersion.TLSv1
        with pytest.warns(DeprecationWarning, match="deprecated"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with socket.create_connection(("127.0.0.1", port), 10) as line, pytest.raises(ssl.SSLError):
            old.wrap_socket(line, server_hostname="127.0.0.1")
        with socket.create_connection(("127.0.0.1", port), 10) as line:
            line.sendall(b"GET /healthz HTTP/1.1\r\nHost: desk.example\r\n\r\n")
            assert b"HTTP/1" not in line.recv(1000)
        assert shown(pair, server)


async def test_who_never_says_how_to_speak_is_cut_in_time(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from servicedesk.web import server as under
    from tests.served import Desk

    monkeypatch.setattr(under, "HANDSHAKE", 0.3)
    async with Desk(tmp_path / "data") as desk:
        certificate = Certificate(pair.certificate, pair.key)
        site = under.Site(desk._runner, "127.0.0.1", 0, certificate.context)
        await site.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        began = time.monotonic()

        assert await asyncio.wait_for(reader.read(), 10) == b""
        assert time.monotonic() - began < 8
        writer.close()


def test_the_end_of_a_certificate_is_read_from_it(pair: Pair) -> None:
    assert tls.expires(pair.certificate) == END
    pair.put(datetime(2061, 1, 1, tzinfo=UTC) + timedelta(seconds=1))
    assert tls.expires(pair.certificate) == datetime(2061, 1, 1, 0, 0, 1, tzinfo=UTC)
    for text in ("", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"):
        pair.certificate.write_text(text)
        with pytest.raises(BadCertificate):
            tls.expires(pair.certificate)


@pytest.mark.parametrize("what", ["certificate", "key", "other", "missing"])
def test_a_pair_that_is_none_is_said_in_one_line(pair: Pair, tmp_path: Path, what: str) -> None:
    if what == "certificate":
        pair.certificate.write_text("none")
    if what == "key":
        pair.key.write_text("none")
    if what == "other":
        pair.key.write_bytes(pair.ca.issue_cert("desk.example").private_key_pem.bytes())
    if what == "missing":
        pair.key.unlink()

    done = run("serve", "--port", "0", "--data-dir", tmp_path / "data", **pair.settings)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("servicedesk: Cannot speak TLS: ")


def test_settings_about_tls_have_to_fit_together(tmp_path: Path) -> None:
    for variables, word in (
        ({"TLS_KEY": "/a"}, "without tls_certificate"),
        ({"TLS_CERTIFICATE": "/a", "PUBLIC_URL": "http://desk.example"}, "HTTPS alone"),
        ({"INSECURE": "perhaps"}, "yes or no"),
    ):
        environ = {f"SERVICEDESK_{name}": value for name, value in variables.items()}
        with pytest.raises(BadSetting, match=word):
            load({"data_dir": str(tmp_path)}, environ)


# Listening in the open ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7"])
def test_a_desk_does_not_speak_in_the_open(tmp_path: Path, host: str) -> None:
    done = run("serve", "--port", "0", "--host", host, "--data-dir", tmp_path / "data")

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"Will not listen on {host} without TLS" in done.stderr
    assert not (tmp_path / "data" / "servicedesk.db").exists()


@pytest.mark.parametrize("way", ["flag", "environment", "proxy", "tls"])
def test_a_desk_that_is_told_to_or_has_tls_before_it_listens_everywhere(
    tmp_path: Path, pair: Pair, way: str
) -> None:
    flags = ["--insecure"] if way == "flag" else []
    settings = {
        "environment": {"INSECURE": "yes"},
        "proxy": {"TRUSTED_PROXIES": "127.0.0.1"},
        "tls": pair.settings,
    }.get(way, {})

    with serving("--host", "0.0.0.0", *flags, "--data-dir", tmp_path / "data", **settings) as server:
        assert "://0.0.0.0:" in server.url


@pytest.mark.parametrize("host", ["localhost", "127.0.0.2"])
def test_this_machine_alone_needs_no_tls(tmp_path: Path, host: str) -> None:
    with serving("--host", host, "--data-dir", tmp_path / "data") as server:
        assert server.url.startswith(f"http://{host}:")
