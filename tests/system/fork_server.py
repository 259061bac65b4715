# SPDX-License-Identifier: Apache-2.0
"""Starts daemons and verbs without loading them anew: a process that has loaded jitd once is forked for each.

A daemon takes half a second of a processor to load what it imports, and a verb 70 ms. The tests start some 400 daemons and 1,600
verbs: loading them was a sixth of ``make test``. What is forked runs the very file that was asked for (``/usr/sbin/jitd``), with
the arguments, the environment, the streams, the directory, the priority, the account and the name that it was given.
Law: what is forked differs from what is executed in two ways alone (test_fork_server.py): its modules are loaded already, and at
its end they are not destroyed one by one, which would first copy each page of them. Where that makes a difference, the file is
executed: with another environment than the modules were loaded in, and where a test says so, by ``House(starts_by=…)`` with its
full path or ``House.run(who, "jitd", …)``.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import json
import os
import re
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import astuple, dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, Any

PYTHON = ["/usr/bin/python3", "-IS"]
"""As in the first line of what contrib/install writes."""
PLACES = ["/usr/lib/jitd", "/usr/lib/jitd/site-packages"]
MOST = 1 << 16  # bytes of one request
ROOM = " " * 8192
"""An argument of the server. What is forked has its own arguments in its place."""
LIBC = ctypes.CDLL(None)
PR_SET_DUMPABLE, PR_SET_NAME = 4, 15


# --- the side of the tests ------------------------------------------------------------------------------------------------


def environment() -> dict[str, str]:
    """Ours, without what pytest says in it of each test."""
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


@dataclass(frozen=True)
class Account:
    """Whose process it is to be, with all groups of the account."""

    name: str
    uid: int
    gid: int


class Forked:
    """What was started, with those methods of subprocess.Popen that tests use. The server is its parent, and waits for it."""

    def __init__(self, line: list[str], said: socket.socket) -> None:
        self.args = line
        self._said = said
        self._lock = threading.Lock()
        self.returncode: int | None = None
        self.pid = int(self._hear())

    def _hear(self) -> bytes:
        heard = self._said.recv(64)
        assert heard, "the fork server has ended"
        return heard

    def poll(self) -> int | None:
        """Its exit status, minus the signal if one ended it; None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, once it has ended. Raises TimeoutExpired after ``timeout`` seconds."""
        if self.returncode is None and not select.select([self._said], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        with self._lock:  # another thread may wait for it, too
            if self.returncode is None:
                self.returncode = int(self._hear())
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Nothing happens where it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """The process that is forked. ``loads`` is a key of LOADS."""

    def __init__(self, loads: str) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            line = [*PYTHON, __file__, loads, str(theirs.fileno()), ROOM]
            self._process = subprocess.Popen(line, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
        self._environ = environment()

    def has_ours(self) -> bool:
        """False if our environment is another by now. What is loaded reads it then, so what is to start with it is executed."""
        return self._environ == environment()

    def start(
        self, line: list[str], out: IO[bytes], err: IO[bytes], *, environ: dict[str, str] | None = None, cwd: str = "",
        priority: int | None = None, account: Account | None = None,
    ) -> Forked:  # fmt: skip
        """Start ``line``, whose first word is looked up in PATH. What is not given is this process's own. It has no input."""
        file = shutil.which(line[0], path=(environ or os.environ).get("PATH"))
        assert file, f"no {line[0]} in PATH"
        asked = {
            "argv": [*PYTHON, file, *line[1:]],
            "environ": dict(os.environ) if environ is None else environ,
            "cwd": cwd or os.getcwd(),
            "priority": os.getpriority(os.PRIO_PROCESS, 0) if priority is None else priority,
            "account": account and astuple(account),
        }
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            fds = [theirs.fileno(), out.fileno(), err.fileno()]
            socket.send_fds(self._control, [json.dumps(asked).encode()], fds)
        return Forked(line, ours)


_servers: dict[str, ForkServer] = {}
_one_at_a_time = threading.Lock()


def fork_server(loads: str) -> ForkServer:
    """The one of this pytest, whichever thread asks first. It ends when it is forgotten."""
    with _one_at_a_time:
        if loads not in _servers:
            _servers[loads] = ForkServer(loads)
        return _servers[loads]


# --- the process itself ---------------------------------------------------------------------------------------------------


def call_it(argv: list[str]) -> None:
    """Have ps(1) and /proc show ``argv``, in the place of the arguments that this process was executed with."""
    LIBC.prctl(PR_SET_NAME, os.path.basename(argv[len(PYTHON)]).encode())
    with open("/proc/self/stat") as file:
        start, end = map(int, file.read().rpartition(")")[2].split()[45:47])  # proc_pid_stat(5): arg_start, arg_end
    words = b"".join(word.encode() + b"\0" for word in argv)
    assert len(words) < end - start, "ROOM is too small"
    ctypes.memmove(start, words.ljust(end - start, b"\0"), end - start)


_worth: list[int] = []
"""The exit status of this child, once it is at its end."""


def leave() -> None:
    """The last that a child does at its end, after all that it has registered itself (atexit). If a stream cannot be written, the
    interpreter goes on with its end, and tells of it.
    """
    if _worth:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(_worth[0])


def become(asked: dict[str, Any], out: int, err: int) -> None:
    """In the child: what was asked for. It ends as a Python that was executed does, whose SystemExit leaves this function."""
    for number, fd in enumerate((os.open(os.devnull, os.O_RDONLY), out, err)):
        os.dup2(fd, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.environ.clear()
    os.environ.update(asked["environ"])
    time.tzset()
    os.setpriority(os.PRIO_PROCESS, 0, asked["priority"])
    call_it(asked["argv"])
    if asked["account"]:
        name, uid, gid = asked["account"]
        os.initgroups(name, gid)
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        LIBC.prctl(PR_SET_DUMPABLE, 1)  # as after an execve(2) by the account itself
    os.chdir(asked["cwd"])
    sys.argv = asked["argv"][len(PYTHON) :]
    del sys.path[-len(PLACES) :]
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
        _worth.append(0)
    except SystemExit as end:
        if end.code is None or type(end.code) is int and 0 <= end.code < 256:
            _worth.append(end.code or 0)
        raise


def serve(control: socket.socket) -> None:
    """Fork for each request, and tell each asker the number of the process and what became of it, until nobody asks any more."""
    running: dict[int, tuple[int, socket.socket]] = {}  # by the descriptor of the process (pidfd_open(2))
    poll = select.poll()
    poll.register(control, select.POLLIN)
    while True:
        for fd, _ in poll.poll():
            if fd == control.fileno():
                said, fds, _, _ = socket.recv_fds(control, MOST, 3)
                if not said:
                    return
                told, *streams = fds
                pid = os.fork()
                if pid == 0:
                    for one in (control, *(asker for _, asker in running.values())):
                        one.detach()  # or it would close, when it is forgotten, a descriptor that has its number by then
                    become(json.loads(said), *streams)
                    return
                for stream in streams:
                    os.close(stream)
                process = os.pidfd_open(pid)
                running[process] = pid, socket.socket(fileno=told)
                poll.register(process, select.POLLIN)
                tell(running[process][1], pid)
            else:
                pid, asker = running.pop(fd)
                poll.unregister(fd)
                os.close(fd)
                with asker:
                    tell(asker, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def tell(asker: socket.socket, number: int) -> None:
    with contextlib.suppress(OSError):  # who does not want to know it any more
        asker.send(str(number).encode())


def load_daemon() -> None:
    """What /usr/sbin/jitd imports to serve, and what the daemon imports when it has started its launcher: of the kernel, and of
    the extensions that it asks. What these import by themselves comes with them.
    """
    import_module("jitd.cli.house")
    daemon = import_module("jitd.daemon")
    for name, what in re.findall(r"^ +from (jitd[.\w]*) import ([\w, ]+)$", Path(str(daemon.__file__)).read_text(), re.M):
        for module in what.split(", ") if name == "jitd" else ():
            import_module(f"jitd.{module}")
        import_module(name)
    extensions = import_module("jitd.extensions")
    list(extensions.used())
    for by in ("adviser", "doer", "reader"):
        extensions.joined(by)
    extensions.grader()


def load_verbs() -> None:
    """What /usr/bin/jitd imports for each verb, and what it imports for those that the tests call most."""
    verbs: dict[str, str] = import_module("jitd.cli").OWN
    for verb in ("approve", "replay", "requests", "revoke", "show"):
        import_module(f"jitd.cli.{verbs[verb]}")


LOADS = {"daemon": load_daemon, "verb": load_verbs}

if __name__ == "__main__":
    atexit.register(leave)  # before what is loaded registers anything: who is first here is last then
    sys.path += PLACES
    LOADS[sys.argv[1]]()
    import_module("pkgutil")  # runpy imports it to run a file
    gc.collect()
    gc.freeze()  # or each child would copy all pages of what is loaded, when it collects garbage
    serve(socket.socket(fileno=int(sys.argv[2])))
