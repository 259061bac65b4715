# SPDX-License-Identifier: Apache-2.0
"""Work done as one of the lab's people, with that person's ticket, in a process of its own; what it found comes back as JSON.

Law: whoever measures is a child that has given up root for good. It ends with its parent, and what it raises is raised there.
"""

from __future__ import annotations

import json
import os
import pwd
import select
import signal
import subprocess
import time
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from jitd.monitor.slate import PR_SET_PDEATHSIG, control_process

PATIENCE = 300.0
"""Seconds that a piece of work may take."""
KDC_WITHIN = 30.0
"""Seconds within which a KDC that cannot be reached may come back."""


class Failed(Exception):
    """Something did not go as a measurement needs it to: a sentence."""


def get_ticket(name: str) -> None:
    """Put a fresh ticket into the person's own cache. Just after the hosts of a fleet have gone, the KDC could not be reached for
    a moment, so it is asked again for KDC_WITHIN. Raises Failed.
    """
    until = time.monotonic() + KDC_WITHIN
    while subprocess.run(["as", name, "true"], check=False, stdin=subprocess.DEVNULL, cwd="/").returncode != 0:
        if time.monotonic() > until:
            raise Failed(f"no ticket for {name} within {KDC_WITHIN:.0f} s")
        time.sleep(0.5)


class Helper:
    """``work`` at work as ``name``, who has a ticket. ``result`` waits for it."""

    def __init__(self, name: str, socket: str, work: Callable[[], Any]) -> None:
        reading, writing = os.pipe2(os.O_CLOEXEC)
        parent = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(reading)
            _work(name, socket, work, writing, parent)
        os.close(writing)
        self._reading = reading

    def fileno(self) -> int:
        """Readable when there is a result, for select(2)."""
        return self._reading

    def result(self) -> Any:
        """What ``work`` returned. Raises Failed."""
        pieces = []
        until = time.monotonic() + PATIENCE
        poll = select.poll()
        poll.register(self._reading, select.POLLIN)
        try:
            while True:
                if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
                    raise Failed(f"a measurement did not end within {PATIENCE:.0f} s")
                piece = os.read(self._reading, 1 << 16)
                if not piece:
                    break
                pieces.append(piece)
        except BaseException:
            os.kill(self._pid, signal.SIGKILL)
            raise
        finally:
            os.close(self._reading)
            os.waitpid(self._pid, 0)
        told = json.loads(b"".join(pieces) or b'{"fault": "a measuring process died"}')
        if "fault" in told:
            raise Failed(told["fault"])
        return told["result"]


def do_as(name: str, socket: str, work: Callable[[], Any]) -> Any:
    """What ``work`` returns when ``name`` does it, speaking to the daemon at ``socket``. Raises Failed."""
    return Helper(name, socket, work).result()


def _work(name: str, socket: str, work: Callable[[], Any], writing: int, parent: int) -> NoReturn:
    try:
        become(name, socket)
        control_process(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            raise Failed("the bench has ended")
        told = {"result": work()}
    except Failed as fault:
        told = {"fault": str(fault)}
    except BaseException:
        told = {"fault": traceback.format_exc()}
    try:
        with open(writing, "wb") as stream:
            stream.write(json.dumps(told).encode())
    finally:
        os._exit(0)


def become(name: str, socket: str) -> None:
    """Give this process up to the person: ids and environment, as at a login."""
    signal.alarm(0)
    person = pwd.getpwnam(name)
    groups = os.getgrouplist(name, person.pw_gid)
    os.setgroups(groups)
    os.setresgid(person.pw_gid, person.pw_gid, person.pw_gid)
    os.setresuid(person.pw_uid, person.pw_uid, person.pw_uid)
    os.environ.clear()
    os.environ.update(
        PATH="/usr/local/bin:/usr/bin:/bin",
        LANG="C.UTF-8",
        HOME=person.pw_dir,
        USER=name,
        LOGNAME=name,
        JITD_SOCKET=socket,
    )
    os.chdir("/")
