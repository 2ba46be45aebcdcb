"""Lines that a rule must find. Nobody runs this."""

import os
import subprocess
import time
from datetime import datetime

from markupsafe import Markup


def move(tx, ticket, at):
    tx.execute("UPDATE tickets SET status = ?", (ticket,))  # finds: sql-lives-in-store
    now = time.time()  # finds: the-clock-is-an-argument
    later = datetime.now()  # finds: the-clock-is-an-argument
    started = time.monotonic()
    said = Markup(ticket.title)  # finds: markup-is-made-in-few-places
    subprocess.run(f"convert {ticket.file}", shell=True)  # finds: no-shell
    os.system("sync")  # finds: no-shell
    subprocess.run(["sync"])
