"""Run the browser's tests beside all others: they wait for pages most of the time. ``python -m tests.beside``

Arguments go to both runs of pytest; ``--last-failed`` runs what failed before, one after the other.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Final

BROWSER: Final = ("tests/browser",)
OTHERS: Final = ("--ignore=tests/browser",)
NO_TESTS: Final = 5
"""What pytest ends with when there was nothing to run."""


def command(name: str, half: Sequence[str], more: Sequence[str]) -> list[str]:
    # Each half remembers by itself what failed.
    return [sys.executable, "-m", "pytest", "-o", f"cache_dir=.pytest_cache/{name}", *half, *more]


def beside(more: Sequence[str]) -> int:
    """Run both at once; what the browser's tests say is printed when they have ended."""
    with tempfile.TemporaryFile() as said:
        browser = subprocess.Popen(command("browser", BROWSER, more), stdout=said, stderr=subprocess.STDOUT)
        try:
            others = subprocess.run(command("others", OTHERS, more), check=False).returncode
            browser.wait()
        finally:
            browser.kill()
            browser.wait()
        said.seek(0)
        sys.stdout.flush()
        sys.stdout.buffer.write(said.read())
    return max(browser.returncode, others)


def again(more: Sequence[str]) -> int:
    """Run what failed, a half after the other: a crowded machine is no fault of the desk."""
    more = [*more, "--last-failed-no-failures", "none"]
    codes = [
        subprocess.run(command(name, half, more), check=False).returncode
        for name, half in (("others", OTHERS), ("browser", BROWSER))
    ]
    return max(0 if code == NO_TESTS else code for code in codes)


def main(arguments: Sequence[str]) -> int:
    return again(arguments) if "--last-failed" in arguments else beside(arguments)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
