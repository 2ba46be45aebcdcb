"""Backups in a bucket: signed as the specification says, and kept by a store that nobody here wrote."""

import hashlib
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import quote, unquote

import pytest

from servicedesk.desk import backups
from servicedesk.media.s3 import EMPTY, Bucket, StoreRefused, authorization
from tests.programs import run

NPM = Path(__file__).parents[1] / "npm"
PROGRAM = NPM / "node_modules" / "s3rver" / "bin" / "s3rver.js"
NAMES = {"key_id": "AKIAIOSFODNN7EXAMPLE", "secret": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
KEYS = {"BACKUP_S3_KEY_ID": "S3RVER", "BACKUP_S3_SECRET": "S3RVER"}

needs_store = pytest.mark.skipif(
    shutil.which("node") is None or not PROGRAM.is_file(),
    reason="there is no node or no s3rver; `make npm` installs the latter",
)


# The examples of the specification, "Authenticating Requests: Using the Authorization Header"
@pytest.mark.parametrize(
    ("path", "query", "more", "signature"),
    [
        (
            "/test.txt",
            {},
            {"range": "bytes=0-9"},
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            "/",
            {"max-keys": "2", "prefix": "J"},
            {},
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
)
def test_requests_are_signed_as_in_the_examples_of_the_specification(
    path: str, query: dict[str, str], more: dict[str, str], signature: str
) -> None:
    headers = {
        "host": "examplebucket.s3.amazonaws.com",
        "x-amz-date": "20130524T000000Z",
        "x-amz-content-sha256": EMPTY,
        **more,
    }

    found = authorization("GET", path, query, headers, region="us-east-1", **NAMES)

    assert found.endswith(f"Signature={signature}")
    assert "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request" in found


class Store:
    """A store of another make, with a bucket."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "bucket"
        command = [
            "node",
            str(PROGRAM),
            "-d",
            str(folder),
            "-a",
            "127.0.0.1",
            "-p",
            "0",
            "--no-vhost-buckets",
        ]
        self.process = subprocess.Popen(
            [*command, "--configure-bucket", "bucket"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        late = threading.Timer(60, self.process.kill)
        late.start()
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if found := re.search(r"listening on (127\.0\.0\.1:\d+)", line):
                self.url = f"http://{found[1]}/bucket/desk"
                break
        late.cancel()
        # What it says of each request has to go somewhere.
        self._reading = threading.Thread(target=self.process.stdout.read)
        self._reading.start()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reading.join()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def bucket(self, **more: str) -> Bucket:
        return Bucket(self.url, **{"key_id": "S3RVER", "secret": "S3RVER", "region": "us-east-1", **more})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    started = Store(tmp_path / "store")
    yield started
    started.close()


def a_desk(folder: Path) -> None:
    add = ("user", "add", "--email", "ada@example.org", "--name", "Ada", "--password-stdin")
    assert run(*add, "--data-dir", folder, given="printer on fire").returncode == 0


@needs_store
def test_a_backup_goes_to_the_bucket_and_comes_back_whole(store: Store, tmp_path: Path) -> None:
    a_desk(tmp_path / "desk")
    given = {"BACKUP_S3": store.url, **KEYS}

    for _ in range(2):
        done = run("backup", tmp_path / "here", "--data-dir", tmp_path / "desk", **given)
        assert (done.returncode, done.stderr) == (0, "")
    shutil.rmtree(tmp_path / "desk")
    shutil.rmtree(tmp_path / "here" / backups.all_in(tmp_path / "here")[0].name)
    fetched = run("fetch", tmp_path / "there", **given)

    assert fetched.returncode == 0, fetched.stderr
    (sent,), (came,) = backups.all_in(tmp_path / "here"), backups.all_in(tmp_path / "there")
    assert came.name == sent.name
    assert {path.name: path.read_bytes() for path in came.iterdir() if path.is_file()} == {
        path.name: path.read_bytes() for path in sent.iterdir() if path.is_file()
    }
    assert run("restore", tmp_path / "there", "--data-dir", tmp_path / "new").returncode == 0


class Careful(BaseHTTPRequestHandler):
    """Keeps objects for whoever signs what really goes over the line, and refuses everybody else as a store would."""

    objects: dict[str, bytes]

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self._is_signed(body):
            self.objects[self.path] = body
            self._answer(200)

    def do_GET(self) -> None:
        if self._is_signed(b""):
            body = self.objects.get(self.path)
            self._answer(404 if body is None else 200, body or b"")

    do_HEAD = do_GET

    def _is_signed(self, body: bytes) -> bool:
        raw, _, query = self.path.partition("?")
        given = re.fullmatch(r"(.*), SignedHeaders=(.*), Signature=\w{64}", self.headers["Authorization"])
        assert given is not None
        named = given[2].split(";")
        headers = {name: self.headers[name] for name in named}
        asked = dict(pair.split("=") for pair in query.split("&")) if query else {}
        right = authorization(
            self.command,
            quote(unquote(raw), safe="/-_.~"),
            {unquote(name): unquote(value) for name, value in asked.items()},
            headers,
            region="eu-1",
            key_id="key",
            secret="secret",
        )
        is_all = {"host", "x-amz-date", "x-amz-content-sha256"} <= set(named)
        is_body = headers["x-amz-content-sha256"] == hashlib.sha256(body).hexdigest()
        if self.headers["Authorization"] == right and is_all and is_body:
            return True
        self._answer(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
        return False

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def careful() -> Iterator[str]:
    Careful.objects = {}
    with HTTPServer(("127.0.0.1", 0), Careful) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}/bucket/some/prefix"
        server.shutdown()
        serving.join()


def test_what_goes_over_the_line_is_what_was_signed(careful: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(range(256)) * 3_000)
    sha256 = hashlib.sha256((tmp_path / "file").read_bytes()).hexdigest()
    bucket = Bucket(careful, key_id="key", secret="secret", region="eu-1")

    for name in ("a/plain", "b/with space & plus+", "c/ümläut~(1)"):
        assert bucket.size(name) is None
        bucket.put(name, tmp_path / "file", sha256)
        assert bucket.size(name) == 768_000
        with (tmp_path / "back").open("wb") as file:
            bucket.get(name, file)
        assert (tmp_path / "back").read_bytes() == (tmp_path / "file").read_bytes()
    assert len(Careful.objects) == 3
    with pytest.raises(StoreRefused, match="404 Not Found to GET d"), (tmp_path / "back").open("wb") as file:
        bucket.get("d", file)


def test_bytes_that_changed_on_the_way_are_refused(careful: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"other")

    with pytest.raises(StoreRefused, match="403 SignatureDoesNotMatch to PUT a"):
        Bucket(careful, key_id="key", secret="secret", region="eu-1").put("a", tmp_path / "file", EMPTY)


def test_a_backup_that_cannot_be_sent_is_there_all_the_same(careful: str, tmp_path: Path) -> None:
    a_desk(tmp_path / "desk")
    given = {"BACKUP_S3": careful, "BACKUP_S3_KEY_ID": "key", "BACKUP_S3_SECRET": "a wrong one"}

    done = run("backup", tmp_path / "here", "--data-dir", tmp_path / "desk", **given)

    assert (done.returncode, done.stdout) == (3, "")
    assert "was made, but not sent" in done.stderr
    assert "403 SignatureDoesNotMatch" in done.stderr
    assert "a wrong one" not in done.stderr
    assert done.stderr.count("\n") == 1
    assert len(backups.all_in(tmp_path / "here")) == 1


@needs_store
def test_what_was_damaged_in_the_bucket_is_not_taken_for_a_backup(store: Store, tmp_path: Path) -> None:
    a_desk(tmp_path / "desk")
    given = {"BACKUP_S3": store.url, **KEYS}
    assert run("backup", tmp_path / "here", "--data-dir", tmp_path / "desk", **given).returncode == 0
    (stored,) = store.folder.rglob("servicedesk.db*object")
    content = bytearray(stored.read_bytes())
    content[5_000] ^= 1
    stored.write_bytes(content)

    done = run("fetch", tmp_path / "there", **given)

    assert (done.returncode, done.stdout) == (3, "")
    assert "servicedesk.db has other bytes" in done.stderr
    assert list((tmp_path / "there").iterdir()) == []


def test_a_store_that_cannot_be_reached_is_named() -> None:
    waits: list[float] = []
    nowhere = Bucket("http://127.0.0.1:9/bucket", key_id="k", secret="s", region="r", wait=waits.append)

    with pytest.raises(StoreRefused, match=r"127\.0\.0\.1:9 cannot be reached"):
        nowhere.folders()
    assert len(waits) == 2
