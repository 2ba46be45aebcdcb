"""Commands run in this process, which is quicker than one of their own."""

import contextlib
import io
import os
from pathlib import Path
from typing import NamedTuple

import pytest

from servicedesk import cli


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def run(*arguments: str | Path, given: str = "") -> Done:
    """Run the command as the shell would, and return what it said."""
    out, err, before = io.StringIO(), io.StringIO(), os.umask(0o022)
    os.umask(before)
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr("sys.stdin", io.StringIO(given))
        patch.setenv("SERVICEDESK_ENV", "testing")
        try:
            code = cli.main([*map(str, arguments)])
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            os.umask(before)
    return Done(code, out.getvalue(), err.getvalue())
