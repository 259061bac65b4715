# SPDX-License-Identifier: Apache-2.0
"""jitd-outside: sends the daemon's questions to other hosts, reads leases and ends them, passes messages to mail servers, and
delivers the record to sinks. This process is started by systemd, or by the daemon as a child.
Law: jitd-outside accepts questions only from root, and makes no decisions. Between two questions, jitd-outside keeps only its
keys, the connections and files of sinks (``delivering``) and, for a short time, the token of a holding (``leasing``).
"""

from __future__ import annotations

import asyncio
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from jitd.beside.answering import Answering, Served
from jitd.beside.starting import CannotStart, begin, run, say
from jitd.outside.delivering import Deliveries
from jitd.outside.fetching import fetch
from jitd.outside.keys import Keys, of_descriptors, of_service_manager
from jitd.outside.leasing import Leases
from jitd.outside.messages import Fetch, Fetched
from jitd.outside.posting import post
from jitd.outside.questions import DELIVER, FETCH, LEASES, POST

NAME = "jitd-outside"
N_LOOKING = 64
"""Number of threads that look up the names of hosts. Each query to a silent name server occupies one thread until libc gives up.
"""
USAGE = f"usage: {NAME}    (systemd starts it, by {NAME}.socket)"


def _clock() -> datetime:
    return datetime.now(UTC)


def _server(keys: Keys) -> Answering:
    """Return what answers the daemon. Needs the event loop."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(N_LOOKING, "looks-up"))
    about_leases = Leases(keys)

    async def fetched(question: Fetch) -> Fetched:
        return await fetch(question, keys, _clock)

    of_leases = [Served(kind, about_leases.answer) for kind in LEASES.values()]
    return Answering(NAME, [Served(FETCH, fetched), Served(POST, post), Served(DELIVER, Deliveries(keys).answer), *of_leases])


def main() -> int:
    """Run the command line of jitd-outside. Return the exit status."""
    try:
        begun = begin(NAME, sys.argv[1:])
        if begun.words:
            print(USAGE, file=sys.stderr)
            return 2
        keys = of_descriptors(begun.passed) if begun.line else of_service_manager(os.environ.get("CREDENTIALS_DIRECTORY"))
    except (CannotStart, OSError, ValueError) as fault:
        say(NAME, str(fault))
        return 1
    say(NAME, f"ready; keys: {', '.join(keys.names) or 'none'}")
    status = run(NAME, begun, lambda: _server(keys))
    os._exit(status)  # do not wait for threads that still wait for a silent name server
