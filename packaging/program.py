"""Where the one-file program begins: it is the desk, or one of the desk's modules when the desk asks it to be."""

import sys

from servicedesk import resources


def main() -> int:
    resources.complete()
    if sys.argv[1:2] != [resources.ERRAND]:
        from servicedesk.cli import main

        return main()
    import runpy

    del sys.argv[1]
    resources.unpack_rest()
    runpy.run_module(sys.argv[1], run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
