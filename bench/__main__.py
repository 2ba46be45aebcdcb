"""Measure the desk beside the limit, and print the table; ``--write`` puts it into docs/performance.md as well."""

import argparse
import asyncio
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Final, NamedTuple

from bench import console, crowds, filling, measures, report
from bench.crowds import Place
from bench.measures import Measure
from bench.report import Line, Once, Promise, Result, Side
from bench.servers import Ground, Server

SIZES: Final = (1_000, 10_000, 100_000)
DOCUMENT: Final = Path(__file__).parent.parent / "docs" / "performance.md"


class Plan(NamedTuple):
    """How much is measured, and how long."""

    sizes: Sequence[int] = SIZES
    rounds: int = 5
    seconds: float = 1.0
    starts: int = 5
    listeners: int = 500
    crowd: int = 2_000
    pace_seconds: float = 10.0


QUICK: Final = Plan(
    sizes=(1_000, 10_000), rounds=3, seconds=0.4, starts=3, listeners=100, crowd=200, pace_seconds=3.0
)


class Pair(NamedTuple):
    """The desk and the limit over the same tickets."""

    count: int
    desk: Server
    limit: Server

    @property
    def places(self) -> tuple[Place, Place]:
        """Return the rooms of one ticket on both."""
        return Place(self.desk, self.count, is_desk=True), Place(self.limit, self.count, is_desk=False)


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    plan = QUICK if arguments.quick else Plan()
    if arguments.tickets:
        plan = plan._replace(sizes=tuple(arguments.tickets))
    if arguments.rounds:
        plan = plan._replace(rounds=arguments.rounds)
    cache = arguments.cache or Path(tempfile.gettempdir()) / "servicedesk-bench"
    result = run(plan, cache, only=arguments.only or "")
    text = report.text(result)
    print(text)
    if arguments.write:
        DOCUMENT.write_text(report.document(result, DOCUMENT.read_text("utf-8")), "utf-8")
    return 0


def run(plan: Plan, cache: Path, only: str = "") -> Result:
    """Measure everything whose name holds the word."""
    started = time.perf_counter()
    filled = _filled(plan.sizes, cache)
    with _folder(cache) as folder:
        ground = Ground(folder)
        places = [(count, *_places(folder, count, filled[count])) for count in plan.sizes]
        starts = _starts(ground, places, filled, plan.starts)
        pairs = [Pair(n, ground.desk(data), ground.limit(bare, filled[n])) for n, data, bare in places]
        with ground.running(*(server for pair in pairs for server in pair[1:])):
            for pair in pairs:
                pair.desk.settle()
            idle = [Side(pair.desk.memory, pair.limit.memory) for pair in pairs]
            lines = asyncio.run(_measure(plan, pairs, only))
            replays = asyncio.run(_replays(pairs, only))
            live = asyncio.run(_live(plan, pairs[-1], only))
            felt = asyncio.run(_console(plan, pairs[-1], only))
            busy = [Side(pair.desk.memory, pair.limit.memory) for pair in pairs]
    return Result(
        tuple(plan.sizes), lines, replays, live, felt, starts, idle, busy, time.perf_counter() - started
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small desks and short rounds")
    parser.add_argument("--write", action="store_true", help="write the table into docs/performance.md")
    parser.add_argument("--tickets", type=int, nargs="+", metavar="N", help="the sizes of the desks")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds whose median counts")
    parser.add_argument("--only", metavar="WORD", help="measure only what has this in its name")
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="where filled databases are kept")
    return parser


# Getting ready --------------------------------------------------


def _filled(sizes: Sequence[int], cache: Path) -> dict[int, Path]:
    """Return a filled database for each size; those from an earlier run with the same schema are used again."""
    cache.mkdir(parents=True, exist_ok=True)
    key = filling.key()
    paths = {count: cache / f"{key}-{count}.db" for count in sizes}
    for old in cache.glob("*.db*"):
        if not old.name.startswith(key):
            old.unlink()
    missing = [count for count, path in paths.items() if not path.exists()]
    with ProcessPoolExecutor(max_workers=2, mp_context=get_context("spawn")) as pool:
        for count in pool.map(filling.keep, [paths[count] for count in missing], missing):
            _say(f"filled a desk with {count:,} tickets")
    return paths


@contextmanager
def _folder(cache: Path) -> Iterator[Path]:
    """Yield a folder on the disk of the cache: memory would commit faster than a desk ever can."""
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=cache))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _places(folder: Path, count: int, filled: Path) -> tuple[Path, Path]:
    data, bare = folder / f"desk-{count}", folder / f"limit-{count}"
    data.mkdir(mode=0o700)
    bare.mkdir()
    copy = data / "servicedesk.db"
    shutil.copyfile(filled, copy)
    with copy.open("rb") as file:
        os.fsync(file.fileno())  # or the desk's first checkpoint would have to wait for all of it
    return data, bare


def _starts(
    ground: Ground, places: Sequence[tuple[int, Path, Path]], filled: dict[int, Path], times: int
) -> list[Side]:
    """Return the seconds to the line that says where to reach it; the first start, which prepares, is left out."""
    found = []
    for count, data, bare in places:
        desk, limit = [], []
        for _ in range(times + 1):
            desk.append(_start(ground, lambda: ground.desk(data)))
            limit.append(_start(ground, lambda: ground.limit(bare, filled[count])))
        found.append(Side(statistics.median(desk[1:]), statistics.median(limit[1:])))
    return found


def _start(ground: Ground, start: Callable[[], Server]) -> float:
    server = start()
    with ground.running(server):
        return server.started_in


# Measuring --------------------------------------------------


async def _measure(plan: Plan, pairs: Sequence[Pair], only: str) -> list[Line]:
    lines = []
    for measure in (*measures.READS, *measures.WRITES, measures.UPLOAD):
        if only in measure.name:
            lines.append(await _rates(plan, pairs, measure))
            _say(report.row(lines[-1]))
    ports = {pair.count: (pair.desk.port, pair.limit.port) for pair in pairs}
    for megabytes in measures.DOWNLOADS:
        if only in f"download of {megabytes} MB":
            lines.append(await _rates(plan, pairs, await measures.download(megabytes, ports)))
            _say(report.row(lines[-1]))
    if only in "fan-out":
        for line in await _fan_out(plan, pairs):
            lines.append(line)
            _say(report.row(line))
    return lines


async def _rates(plan: Plan, pairs: Sequence[Pair], measure: Measure) -> Line:
    """Measure in turns, so that whatever else the machine does hits all of them."""
    ways = [(pair.desk, measure.desk(pair.count)) for pair in pairs]
    ways += [(pair.limit, measure.limit(pair.count)) for pair in pairs]
    rates: list[list[float]] = [[] for _ in ways]
    costs: list[list[float]] = [[] for _ in ways]
    for number in range(plan.rounds + 1):
        for (server, requests), rate, cost in zip(ways, rates, costs, strict=True):
            before = server.cpu
            found = await measures.one_rate(measure, requests, server.port, plan.seconds)
            if number:  # the first round warms up
                rate.append(found)
                cost.append((server.cpu - before) / (found * plan.seconds) * 1e6)
    medians, used = [list(map(statistics.median, each)) for each in (rates, costs)]
    half = len(pairs)
    return Line(
        measure.name,
        "/s",
        [Side(*both) for both in zip(medians[:half], medians[half:], strict=True)],
        [Side(*both) for both in zip(used[:half], used[half:], strict=True)],
    )


async def _replays(pairs: Sequence[Pair], only: str) -> list[Once]:
    """Ask what would have been, of ten thousand tickets or of all where there are fewer."""
    found = []
    for replay in measures.REPLAYS:
        if only in replay.name:
            seconds = [await measures.once(replay, pair.desk.port, pair.count) for pair in pairs]
            found.append(Once(replay.name, seconds))
            _say(f"{replay.name}: {', '.join(f'{each:.2f}' for each in seconds)} s")
    return found


async def _fan_out(plan: Plan, pairs: Sequence[Pair]) -> list[Line]:
    found: dict[Place, list[crowds.FanOut]] = {}
    for _ in range(max(1, plan.rounds // 2 + 1)):
        for pair in pairs:
            for place in pair.places:
                one = await crowds.fan_out(place, plan.seconds, plan.listeners)
                found.setdefault(place, []).append(one)

    def sides(field: str) -> list[Side]:
        def middle(place: Place) -> float:
            return statistics.median(getattr(one, field) for one in found[place])

        return [Side(*map(middle, pair.places)) for pair in pairs]

    everybody = f"{plan.listeners} sockets"
    return [
        Line(f"fan-out to {everybody}: messages heard", "/s", sides("messages")),
        Line(f"fan-out to {everybody}: events heard, three a message", "/s", sides("events")),
        Line(f"a message until the last of {everybody} has it", "ms", sides("last_heard_ms")),
    ]


async def _live(plan: Plan, pair: Pair, only: str) -> list[Promise]:
    """Measure what is promised of sockets, on one desk: it has nothing to do with how many tickets there are."""
    if only not in "live":
        return []
    desk, limit = pair.places
    desk = await crowds.with_a_new_ticket(desk)
    held = [await crowds.hold(place, plan.crowd) for place in (desk, limit)]
    heard = [await crowds.pace(place, plan.listeners, plan.pace_seconds) for place in (desk, limit)]
    others = max(1, plan.listeners // 5)
    beside = await crowds.pace(desk, others, plan.pace_seconds, beside_deaf=others)
    room, many = f"a room of {plan.listeners}, {crowds.A_SECOND} messages a second", f"{plan.crowd:,}"
    return [
        Promise(f"an idle socket among {many}", "KiB", *(each.kib for each in held), 25),
        Promise(f"{many} come back at once: all are in the room", "s", *(each.back for each in held), 3),
        Promise(f"{room}: half hear it within", "ms", *(each.median for each in heard), None),
        Promise(f"{room}: 99 % hear it within", "ms", *(each.p99 for each in heard), 100),
        Promise(f"{others} beside {others} who never read: 99 % hear it within", "ms", beside.p99, None, 50),
    ]


async def _console(plan: Plan, pair: Pair, only: str) -> list[Promise]:
    """Measure the console of the largest desk, where there is a browser."""
    if only not in "console" or not console.is_possible():
        return []
    return await console.measure(pair.places[0], plan.pace_seconds)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
