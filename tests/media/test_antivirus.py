"""Talking to clamd: ours, and the real one where it is installed."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from servicedesk.domain.files import Scan
from servicedesk.media.antivirus import PIECE, NotChecked, Scanner, Unreachable
from tests.scanners import EICAR, INSTALLED, SIGNATURE, STREAM_MAX, Clamd, our_clamd, real_clamd


@pytest.fixture(params=INSTALLED)
async def scanner(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scanner]:
    if request.param == "clamd":
        with real_clamd(tmp_path) as address:
            yield Scanner(address)
    else:
        async with our_clamd(tmp_path) as clamd:
            yield Scanner(clamd.address)


async def test_what_is_clean_is_clean_and_a_virus_has_a_name(scanner: Scanner) -> None:
    for clean in (b"hello", b"x" * PIECE, b"x" * STREAM_MAX, EICAR[:-1]):
        assert (await scanner.scan(io.BytesIO(clean))).scan is Scan.CLEAN

    found = await scanner.scan(io.BytesIO(EICAR))
    assert found.scan is Scan.INFECTED
    assert found.signature.startswith(SIGNATURE)


async def test_a_file_that_is_too_large_for_the_scanner_is_said_to_be_so(scanner: Scanner) -> None:
    for size in (STREAM_MAX + 1, 25 << 20):
        with pytest.raises(NotChecked, match="INSTREAM size limit exceeded"):
            await scanner.scan(io.BytesIO(bytes(size)))


async def test_several_at_once_each_get_their_own_answer(scanner: Scanner) -> None:
    contents = [EICAR, b"hello"] * 5

    found = await asyncio.gather(*(scanner.scan(io.BytesIO(each)) for each in contents))

    assert [verdict.scan for verdict in found] == [Scan.INFECTED, Scan.CLEAN] * 5


async def test_a_scanner_on_a_port_is_as_good() -> None:
    async with our_clamd(None) as clamd:
        assert (await Scanner(clamd.address).scan(io.BytesIO(EICAR))).scan is Scan.INFECTED
        with pytest.raises(NotChecked, match="size limit"):
            await Scanner(clamd.address).scan(io.BytesIO(bytes(25 << 20)))


async def test_where_nobody_listens_the_scanner_is_out_of_reach(tmp_path: Path, unused_tcp_port: int) -> None:
    for address, why in (
        (f"unix:{tmp_path}/clamd.ctl", "No such file"),
        (f"unix:/{'x' * 200}", "too long"),
        (f"127.0.0.1:{unused_tcp_port}", "Connection refused"),
    ):
        with pytest.raises(Unreachable, match=why):
            await Scanner(address).scan(io.BytesIO(b"hello"))


@pytest.mark.parametrize(
    ("does", "content", "why"),
    [
        ("hang", bytes(8 << 20), "it took nothing for 0.2 s"),
        ("hang", b"hello", "it gave no answer within 0.2 s"),
        ("brood", b"hello", "it gave no answer within 0.2 s"),
        ("drop", b"hello", "it closed the connection|it broke the connection"),
        ("drop", bytes(STREAM_MAX), "it closed the connection|it broke the connection"),
    ],
)
async def test_a_scanner_that_hangs_or_drops_the_line_is_out_of_reach(
    tmp_path: Path, does: str, content: bytes, why: str
) -> None:
    clamd = Clamd()
    clamd.does = does
    async with our_clamd(tmp_path, clamd):
        with pytest.raises(Unreachable, match=why):
            await Scanner(clamd.address, silent_for=0.2, answer_within=0.2).scan(io.BytesIO(content))


async def test_whatever_else_it_says_is_no_verdict(tmp_path: Path) -> None:
    clamd = Clamd()
    clamd.does = "babble"
    async with our_clamd(tmp_path, clamd):
        with pytest.raises(NotChecked, match=r"HTTP/1\.1 400 Bad Request"):
            await Scanner(clamd.address).scan(io.BytesIO(b"hello"))
