"""The other side of ``workers.py``: a process that does job after job, answers over a pipe, and may die of it.

A program of this kind is a module with a union of jobs, tagged structs, and one function that performs them:

    if __name__ == "__main__":
        errands.main(AnyJob, perform)

The server asks it through ``Workers(program="that.module", reports=Decoder(Report | Failed))``; one job a process at
a time, each with a time after which the kernel ends the process.
"""

import contextlib
import math
import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any, BinaryIO, Final

import msgspec

from servicedesk.media.jobs import LENGTH, Failed, Order

MEMORY_MAX: Final = 1 << 30
"""Bytes of address space: a picture of 40 megapixels takes a fifth of it."""


def main(jobs: Any, perform: Callable[[Any], msgspec.Struct]) -> None:
    """Perform jobs of these types until the server is gone."""
    _confine()
    reports = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get between the reports
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C at the terminal is the server's to deal with
    try:
        _serve(sys.stdin.buffer, reports, jobs, perform)
    except BrokenPipeError:
        os._exit(0)


def _serve(orders: BinaryIO, reports: BinaryIO, jobs: Any, perform: Callable[[Any], msgspec.Struct]) -> None:
    decode, encode = msgspec.msgpack.Decoder(Order[jobs]).decode, msgspec.msgpack.encode
    while length := orders.read(LENGTH):
        order = decode(orders.read(int.from_bytes(length, "big")))
        # The kernel ends a job that takes too long, also one that hangs in C, also when the server is gone.
        signal.setitimer(signal.ITIMER_REAL, order.seconds)
        _allow_processor(order.seconds)
        try:
            answer = encode(perform(order.job))
        except Exception as error:  # decoders raise whatever they like
            answer = encode(Failed(f"{type(error).__name__}: {error}"[:200]))
        signal.setitimer(signal.ITIMER_REAL, 0)
        reports.write(len(answer).to_bytes(LENGTH, "big") + answer)
        reports.flush()


def _allow_processor(seconds: float) -> None:
    """Let the kernel end a job that computes on several cores what one may not in its time."""
    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(used + seconds) + 1, resource.RLIM_INFINITY))


def _confine() -> None:
    """Give up what a job does not need: memory without end, writing, niceness, and life after the server."""
    for limit, most in (
        (resource.RLIMIT_AS, MEMORY_MAX),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        with contextlib.suppress(ValueError, OSError):  # not every system knows every limit
            resource.setrlimit(limit, (most, most))
    os.nice(5)
    if sys.platform == "linux":
        import ctypes

        kill_me_with_my_parent, no_new_privileges = 1, 38
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(kill_me_with_my_parent, signal.SIGKILL, 0, 0, 0)
        libc.prctl(no_new_privileges, 1, 0, 0, 0)
