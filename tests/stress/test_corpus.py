"""Any bytes under any name: all pictures of Pillow's own tests, and what was made to do harm.

`make corpus` brings Pillow's pictures, which its source distribution holds.
"""

import asyncio
import hashlib
import io
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from PIL import Image

from tests import files_made_up as made_up
from tests import hostile_files
from tests.stress.desks import Desk, Person, served
from tests.web.forms import HEADERS, form, part

pytestmark = pytest.mark.slow

PICTURES: Final = Path(__file__).parents[2] / ".cache" / "pillow" / "Tests" / "images"
IMAGES: Final = ("png", "jpg", "gif", "webp", "bmp", "avif")
ANSWERS: Final = frozenset({201, 413, 415, 422})
AT_A_TIME: Final = 6
SOON: Final = 25.0
"""Seconds within which somebody else's picture is up and shown: each of two workers may bear a bomb for ten."""

Named = tuple[str, bytes]


class Crowd:
    """People who throw files at the desk, and one who uploads an ordinary picture again and again."""

    def __init__(self, desk: Desk, ticket_id: int) -> None:
        self.answers = Counter[int]()
        self.faults: list[Any] = []
        self.others: list[float] = []
        """How long the ordinary uploads took, until their thumbnails were there."""
        self._desk = desk
        self._ticket_id = ticket_id

    async def throw(self, files: Iterable[Named]) -> None:
        waiting = iter(files)
        beside = asyncio.create_task(self._go_on_as_ever())
        await asyncio.gather(*(self._throw(waiting, person) for person in self._desk.people[:AT_A_TIME]))
        beside.cancel()
        await asyncio.gather(beside, return_exceptions=True)
        if not beside.cancelled() and (error := beside.exception()) is not None:
            raise error

    async def _throw(self, waiting: Iterator[Named], person: Person) -> None:
        for name, content in waiting:
            status, file = await self._upload(person, name, content)
            self.answers[status] += 1
            if status not in ANSWERS:
                self.faults.append((name, status, file))
            elif status == 201:
                self.faults += [(name, fault) async for fault in self._wrong(person, file, content)]

    async def _wrong(self, person: Person, file: Any, content: bytes) -> Any:
        """Yield what is not as it has to be with a file that was taken."""
        status, body = await self._get(person, file["download_url"])
        if status != 200 or body != content or file["sha256"] != hashlib.sha256(content).hexdigest():
            yield "download", status, len(body)
        status, body = await self._get(person, file["preview_url"])
        if status not in (200, 404):
            yield "preview", status, body
        for kind, most in (("thumbnail", 320), ("picture", 1600)):
            status, body = await self._get(person, f"/api/files/{file['id']}/{kind}")
            if status not in (200, 404):
                yield kind, status, body
            elif status == 200:
                made = Image.open(io.BytesIO(body), formats=["WEBP"])
                if max(made.size) > most or made.info.get("exif"):
                    yield kind, made.size, made.info

    async def _go_on_as_ever(self) -> None:
        person = self._desk.people[-1]
        while True:
            began = time.monotonic()
            status, file = await self._upload(
                person, "ordinary.png", made_up.png(300, 200 + len(self.others))
            )
            assert status == 201, file
            thumbnail, body = await self._get(person, file["thumbnail_url"])
            assert thumbnail == 200, body
            self.others.append(time.monotonic() - began)
            await asyncio.sleep(0.5)

    async def _upload(self, person: Person, name: str, content: bytes) -> tuple[int, Any]:
        body = form(part("ticket_id", str(self._ticket_id)), part("file", content, name))
        headers = {**HEADERS, "Authorization": f"Bearer {person.token}"}
        path = f"{self._desk.server.url}/api/files/upload"
        async with self._desk.http.post(path, data=io.BytesIO(body), headers=headers) as answer:
            return answer.status, await answer.json()

    async def _get(self, person: Person, path: str) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {person.token}"}
        async with self._desk.http.get(self._desk.server.url + path, headers=headers) as answer:
            return answer.status, await answer.read()


async def thrown(tmp_path: Path, files: Iterable[Named]) -> Crowd:
    """Throw all files at a desk, which bears it: it answers, its loop goes on, and it keeps nothing that it refused."""
    async with served(tmp_path, agents=AT_A_TIME + 1) as desk:
        crowd = Crowd(desk, await desk.ticket(desk.people[0]))
        await crowd.throw(files)
        kept = {path.name for path in (desk.folder / "blobs").rglob("*") if path.is_file()}
        left = list((desk.folder / "tmp").iterdir())

    assert crowd.faults == []
    assert crowd.others
    assert max(crowd.others) <= SOON
    assert left == []
    assert len(kept) <= crowd.answers[201] + len(crowd.others)
    return crowd


def pictures() -> Iterator[Named]:
    """Yield every picture under its own name, and under those of two other sorts of pictures."""
    for number, path in enumerate(sorted(path for path in PICTURES.rglob("*") if path.is_file())):
        content = path.read_bytes()
        yield path.name, content
        others = [name for name in IMAGES if name != path.suffix[1:].lower()]
        for step in (number, number + 2):
            yield f"{path.stem}.{others[step % len(others)]}", content


async def test_every_picture_of_pillows_own_tests_is_taken_or_refused_and_troubles_nobody(
    tmp_path: Path,
) -> None:
    if not PICTURES.is_dir():
        pytest.skip("the pictures are not here; `make corpus` brings them")

    crowd = await thrown(tmp_path, pictures())

    assert crowd.answers.total() > 3_000
    assert crowd.answers[201] > 300
    assert crowd.answers[415] > 1_000
    assert crowd.answers[422] > 0


async def test_bombs_broken_files_and_disguises_are_taken_or_refused_and_trouble_nobody(
    tmp_path: Path,
) -> None:
    crowd = await thrown(tmp_path, hostile_files.everything())

    assert crowd.answers.total() >= 300
    assert min(crowd.answers[201], crowd.answers[415], crowd.answers[422]) > 10
