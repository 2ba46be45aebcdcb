"""Where the bars and lines of a chart lie: plain geometry for the templates."""

from collections.abc import Sequence
from typing import Any, Final

WIDTH: Final = 560
HEIGHT: Final = 180
_LEFT: Final = 24
_BASE: Final = HEIGHT - 18
_TOP: Final = 8
_LABELS: Final = 6

Drawing = dict[str, Any]


def scale(most: int) -> tuple[int, int]:
    """Return a round number not below ``most`` for the top of the chart, and the step of its lines."""
    step = 1
    while step * 4 < most:
        step = step * 2 if str(step)[0] in "15" else step // 2 * 5
    return max(step, -(-most // step) * step), step


def columns(pairs: Sequence[tuple[int, int]], labels: Sequence[str]) -> Drawing:
    """Return two columns for each day, side by side."""
    top, step = scale(max((max(pair) for pair in pairs), default=1) or 1)
    width = (WIDTH - _LEFT) / max(1, len(pairs))
    bar = max(0.75, min(9.0, width * 0.36))
    every = -(-len(pairs) // _LABELS) or 1
    days = []
    for n, (one, other) in enumerate(pairs):
        x = _LEFT + n * width
        days.append(
            {
                "x": _fine(x),
                "half": _fine(width / 2),
                "middle": _fine(x + width / 2),
                "bar": _fine(bar),
                "x_a": _fine(x + width / 2 - bar - 0.25),
                "x_b": _fine(x + width / 2 + 0.25),
                "y_a": _height(one, top),
                "y_b": _height(other, top),
                "h_a": _fine(_BASE - _height(one, top)),
                "h_b": _fine(_BASE - _height(other, top)),
                "label": labels[n] if n % every == 0 else "",
            }
        )
    return {"width": WIDTH, "height": HEIGHT, "base": _BASE, "grid": _grid(top, step), "days": days}


def line(values: Sequence[int], labels: Sequence[str]) -> Drawing:
    """Return one line through all days."""
    top, step = scale(max(values, default=1) or 1)
    width = (WIDTH - _LEFT) / max(1, len(values) - 1)
    every = -(-len(values) // _LABELS) or 1
    points = [(_fine(_LEFT + n * width), _height(value, top)) for n, value in enumerate(values)]
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "grid": _grid(top, step),
        "steps": [{"x": _fine(x - width / 2), "width": _fine(width), "cx": x, "cy": y} for x, y in points],
        "base": _BASE,
        "points": " ".join(f"{x},{y}" for x, y in points),
        "labels": [{"x": points[n][0], "text": labels[n]} for n in range(0, len(values) - 1, every)],
        "most": max(values, default=0),
        "least": min(values, default=0),
        "last": values[-1] if values else 0,
    }


def shares(rows: Sequence[tuple[str, int, str]]) -> list[Drawing]:
    """Return bars that are as long as their value is beside the largest: label, value, address."""
    most = max((value for _, value, _ in rows), default=0) or 1
    return [
        {"label": label, "value": value, "href": href, "share": _fine(100 * value / most)}
        for label, value, href in rows
    ]


def _grid(top: int, step: int) -> list[Drawing]:
    return [{"y": _height(value, top), "value": value} for value in range(0, top + 1, step)]


def _height(value: int, top: int) -> float:
    return _fine(_BASE - (_BASE - _TOP) * value / top)


def _fine(number: float) -> float:
    return round(number, 2)
