# SPDX-License-Identifier: Apache-2.0
"""``requests --watch --run PROGRAM``: a program of the person's own, such as one that makes a sound, is called when requests
begin to wait for them.

Law: no shell, and nothing that a requester wrote: the arguments are the name of a host and an id, and so on for each new request.
The program asks ``jitd show`` for more. It is never called twice at the same time.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections import defaultdict
from collections.abc import Iterable

import click

from jitd.cli import far
from jitd.cli.answer import say
from jitd.cli.hosts import HOST
from jitd.cli.naming import awaits_me
from jitd.core.command import read_id
from jitpam.wire.rows import Request
from jitpam.wire.shown import shown

MOST = 500  # requests in one call. Further ones are in the next one.
MOST_KNOWN = 20_000  # of one host, after which those that were told first are forgotten: it may list new ones without end


class Calls:
    """Calls ``program``. ``look`` takes each new list. The calls are made in a thread, so the list stays live meanwhile."""

    def __init__(self, program: str) -> None:
        import shutil  # brings three libraries for compression, and only who uses --run waits for them

        found = shutil.which(program)
        if found is None:
            raise click.BadParameter(f"{program}: there is no such program, or you may not execute it", param_hint="'--run'")
        self._program = os.path.abspath(found)
        self._told: dict[str, dict[str, None]] = defaultdict(dict)
        """The ids that were told, by their hosts."""
        self._new: list[tuple[str, str]] = []
        """What waits by the newest list, and was not told."""
        self._changed = threading.Condition()
        threading.Thread(target=self._keep, daemon=True).start()

    def look(self, rows: Iterable[Request]) -> None:
        """Call the program for those of ``rows`` that wait for the person, and were never told. Those of many hosts come in
        turns, and what waits no more when its turn comes is left out: a host may list more than is told in a day.
        """
        named = dict.fromkeys(one for row in rows if awaits_me(row) and (one := _named(row)) is not None)
        with self._changed:
            self._new = [(host, id) for host, id in named if id not in self._told[host]]
            self._changed.notify()

    def _keep(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._new)
                now, self._new = self._new[:MOST], self._new[MOST:]
                for host, id in now:
                    told = self._told[host]
                    told[id] = None
                    if len(told) > MOST_KNOWN:
                        del told[next(iter(told))]
            self._call([word for one in now for word in one])

    def _call(self, arguments: list[str]) -> None:
        try:
            done = subprocess.run([self._program, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)
        except OSError as fault:
            say(f"{shown(self._program)} cannot be called: {fault.strerror}")
        else:
            if done.returncode:
                say(f"{shown(self._program)} failed with status {done.returncode}; it is called again for the next request")


def _named(row: Request) -> tuple[str, str] | None:
    """Return the host and the id of ``row``. Return None if a host has given what is none: it could be taken for an option."""
    id, host = row.id, row.host
    there = far.of(host) or far.there()
    host = host if there is None else there.label
    return (host, id) if read_id(id) == id and HOST.fullmatch(host) else None
