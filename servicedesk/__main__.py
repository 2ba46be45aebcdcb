"""``python -m servicedesk`` is ``servicedesk``."""

import sys

from servicedesk.cli import main

if __name__ == "__main__":
    sys.exit(main())
