"""The table: rates, their share of the limit's, and what ten times the tickets cost."""

import os
import platform
import sqlite3
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Final, NamedTuple

BEGIN: Final = "<!-- measured: written by python -m bench --write -->"
END: Final = "<!-- end of what was measured -->"


class Side(NamedTuple):
    """What the desk has, and what the limit has."""

    desk: float
    limit: float


class Line(NamedTuple):
    name: str
    unit: str
    sides: list[Side]
    """One for each size."""
    cpu: list[Side] | None = None
    """Microseconds of the processor for a request."""

    @property
    def shares(self) -> list[float]:
        """Return how much of the limit's speed the desk has."""
        return [s.desk / s.limit if self.is_rate else s.limit / s.desk for s in self.sides]

    @property
    def growth(self) -> float | None:
        """Return how many times as long it takes with ten times the tickets: the last step up, if there is one."""
        if len(self.sides) < 2:
            return None
        first, last = self.sides[-2].desk, self.sides[-1].desk
        return first / last if self.is_rate else last / first

    @property
    def is_rate(self) -> bool:
        return self.unit == "/s"


class Once(NamedTuple):
    """What is asked once, and how many seconds it takes at each size."""

    name: str
    seconds: list[float]


class Promise(NamedTuple):
    """What is promised of one desk, whatever its size."""

    name: str
    unit: str
    desk: float
    limit: float | None
    """None where the bare handler has nothing to compare with: it waits for who does not read."""
    most: float | None


class Result(NamedTuple):
    sizes: tuple[int, ...]
    lines: list[Line]
    replays: list[Once]
    live: list[Promise]
    console: list[Promise]
    """Of the largest desk; nothing where there was no browser."""
    starts: list[Side]
    idle: list[Side]
    busy: list[Side]
    seconds: float


def text(result: Result) -> str:
    """Return the tables as they are printed."""
    return "\n".join(_aligned(rows) for rows in _tables(result))


def row(line: Line) -> str:
    """Return a line in short, as soon as it is measured."""
    shown = (f"{_number(s.desk)} of {_number(s.limit)} ({share:.0%})" for s, share in _pairs(line))
    growth = "" if line.growth is None else f"; growth {line.growth:.2f}"
    return f"{line.name}: {', '.join(shown)} {line.unit}{growth}"


def document(result: Result, before: str) -> str:
    """Return the page with the tables in their place."""
    head, _, rest = before.partition(BEGIN)
    tail = rest.partition(END)[2]
    tables = "\n\n".join(_markdown(rows) for rows in _tables(result))
    return f"{head}{BEGIN}\n{_machine(result)}\n\n{tables}\n{END}{tail}"


Rows = Sequence[Sequence[str]]


def _tables(result: Result) -> Iterator[Rows]:
    yield _head_rows(result)
    if result.replays:
        yield _replay_rows(result)
    if result.live:
        yield _promise_rows("live", result.live)
    if result.console:
        yield _promise_rows("console", result.console)
    yield _cpu_rows(result)
    yield _process_rows(result)


def _replay_rows(result: Result) -> Rows:
    rows = [[each.name, *(f"{seconds:.2f}" for seconds in each.seconds)] for each in result.replays]
    return [["seconds", *(f"{size:,} tickets" for size in result.sizes)], *rows]


def _promise_rows(head: str, promises: Sequence[Promise]) -> Rows:
    rows = [
        [f"{each.name}, {each.unit}", *(_or_nothing(n) for n in (each.desk, each.limit, each.most))]
        for each in promises
    ]
    return [[head, "desk", "limit", "at most"], *rows]


def _or_nothing(value: float | None) -> str:
    return "" if value is None else _number(value)


def _head_rows(result: Result) -> Rows:
    heads = [f"{size:,} {what}" for size in result.sizes for what in ("desk", "limit", "share")]
    return [["", *heads, "growth"], *(_cells(line) for line in result.lines)]


def _cells(line: Line) -> list[str]:
    unit = "" if line.is_rate else f" {line.unit}"
    cells = [line.name + (", a second" if line.is_rate else "")]
    for side, share in _pairs(line):
        cells += [_number(side.desk) + unit, _number(side.limit) + unit, f"{share:.0%}"]
    return [*cells, "" if line.growth is None else f"{line.growth:.2f}"]


def _cpu_rows(result: Result) -> Rows:
    heads = [f"{size:,} {who}" for size in result.sizes for who in ("desk", "limit")]
    rows = [["processor time of a request, ms", *heads]]
    for line in result.lines:
        if line.cpu:
            rows.append([line.name, *(f"{value / 1000:.2f}" for side in line.cpu for value in side)])
    return rows


def _process_rows(result: Result) -> Rows:
    heads = [f"{size:,} {who}" for size in result.sizes for who in ("desk", "limit")]
    return [
        ["process", *heads],
        ["start-up, s", *(f"{value:.2f}" for side in result.starts for value in side)],
        ["idle memory, MB", *(f"{value:.0f}" for side in result.idle for value in side)],
        ["memory after all of the above, MB", *(f"{value:.0f}" for side in result.busy for value in side)],
    ]


def _pairs(line: Line) -> Iterator[tuple[Side, float]]:
    return zip(line.sides, line.shares, strict=True)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _machine(result: Result) -> str:
    return (
        f"CPython {platform.python_version()}, aiohttp {version('aiohttp')}, SQLite {sqlite3.sqlite_version},"
        f" {os.cpu_count()} cores; measured in one run of {result.seconds / 60:.0f} minutes."
    )


def _aligned(rows: Rows) -> str:
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if not n else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:], ""])


def _markdown(rows: Rows) -> str:
    marks = ["---", *("---:" for _ in rows[0][1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], marks, *rows[1:]))
