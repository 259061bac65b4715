# SPDX-License-Identifier: Apache-2.0
"""A whole daemon of its own for whoever asks: real KDC, real accounts, real commands. Law: runs as root inside the lab alone."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from jitd.cli.answer import exact
from jitd.core.chain import Seal
from jitd.core.holding import HoldingState
from jitd.core.request import Request
from jitd.core.run import Run, RunState
from jitd.store.opening import read_store
from jitd.store.sqlite import SqliteStore
from jitd.verbs.endings import GONE_WITHIN
from jitpam.client import Connection
from jitpam.wire.messages import Audit, Done, List, Message, Reload, Show
from tests.attacks.raw import connected, review
from tests.daemon.records import lines_in
from tests.news import without_news
from tests.system.fork_server import Account, Forked, fork_server
from tests.verified import verify
from tests.waiting import PATIENCE, wait_for

REALM = "EXAMPLE.TEST"
HOST = "lab.example.test"
OF_THE_LAB = """
[[permit]]
name = "lab-dba"
who = ["group:dba"]
run_as = ["*"]
commands = [["**"]]
approvals = [{ need = 1, from = ["group:ops"] }]
grant = { lasts = "1h", uses = 100 }
"""
ID = re.compile(r"request ([0-9A-Z]{4}-[0-9A-Z]{4})")
NOT_YET = re.compile(r"gone yet|is not taken back yet")
"""What ``jitd revoke``, ``stop`` and ``lock`` say of what they have ended and what is not gone."""


def at_priority(priority: int = 0) -> list[str]:
    """The words before a command that begins: by itself it has what a service manager gives it, however nice the tests are
    (nice(1)). A function in the child would do, but would have the whole of pytest's memory copied.
    """
    step = priority - os.getpriority(os.PRIO_PROCESS, 0)
    return ["nice", "-n", str(step)] if step else []


class Asking:
    """A client that was started, and what it says."""

    def __init__(self, process: subprocess.Popen[bytes], out: Path, err: Path) -> None:
        self.process, self._out, self._err = process, out, err

    @property
    def out(self) -> str:
        return self._out.read_text("utf-8", "surrogateescape")

    @property
    def err(self) -> str:
        return without_news(self.err_with_news)

    @property
    def err_with_news(self) -> str:
        return self._err.read_text("utf-8", "surrogateescape")

    @property
    def id(self) -> str:
        """The request's id, once it is told."""
        found = wait_for(lambda: ID.search(self.err) or self.process.poll() is not None, what="a request's id")
        if found is True:  # it may have told the id between the two looks, and then ended
            found = ID.search(self.err)
        assert found is not None, f"no request: exit {self.process.returncode}: {self.err}"
        return found[1]

    def end(self, within: float = PATIENCE) -> int:
        """Its exit status; minus the signal if one ended it."""
        return self.process.wait(within)


def account_of(who: str) -> Account:
    known = pwd.getpwnam(who)
    return Account(who, known.pw_uid, known.pw_gid)


class House:
    """One daemon on directories of its own."""

    def __init__(self, policy: str = OF_THE_LAB, config: str = "", starts_by: str = "jitd") -> None:
        self._starts_by = starts_by
        self.root = Path(tempfile.mkdtemp(prefix="house-", dir="/srv"))
        for name in ("policy.d", "run", "state", "said"):
            (self.root / name).mkdir(parents=True, mode=0o755)
        self.root.chmod(0o755)
        (self.root / "said").chmod(0o755)
        self.socket = self.root / "run/jitd.sock"
        self.database = self.root / "state/jitd.db"
        self.log_file = self.root / "log"
        self.config_file = self.root / "jitd.toml"
        self.config_file.write_text(
            f'realms = ["{REALM}"]\nhost = "{HOST}"\noperators = ["group:security"]\n'
            f'socket = "{self.socket}"\nstate = "{self.root}/state"\npolicy = "{self.root}/policy.d"\n{config}\n'
        )
        self.set_policy(policy)
        self.process: subprocess.Popen[bytes] | Forked | None = None
        self._asked = itertools.count(1)
        self._clients: list[subprocess.Popen[bytes]] = []

    def set_policy(self, text: str, name: str = "50-test.toml") -> None:
        (self.root / "policy.d" / name).write_text(text)

    # --- the daemon ---------------------------------------------------------------------------------------------------

    def start(self, priority: int = 0) -> House:
        line = [self._starts_by, "serve", "--config", str(self.config_file)]
        with self.log_file.open("ab") as log:
            if self._starts_by == "jitd" and fork_server("daemon").has_ours():
                self.process = fork_server("daemon").start(line, log, log, priority=priority)
            else:
                line = [*at_priority(priority), *line]
                self.process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(self._accepts, what=f"the daemon ({self.log()})")
        return self

    def _accepts(self) -> bool:
        assert self.process is not None and self.process.poll() is None, f"the daemon ended: {self.log()}"
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            probe.connect(str(self.socket))
            return True
        return False

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        self.kill()
        self.start()

    @property
    def launcher(self) -> int:
        """The launcher's process; 0 while there is none."""
        assert self.process is not None
        for word in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            with contextlib.suppress(OSError):
                if str(self.root / "run").encode() in Path(f"/proc/{word}/cmdline").read_bytes():
                    return int(word)
        return 0

    def log(self) -> str:
        return self.log_file.read_text() if self.log_file.exists() else ""

    def stop(self) -> None:
        """Have it end, as a service manager does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)

    def close(self) -> None:
        for client in self._clients:
            with contextlib.suppress(ProcessLookupError):  # what a killed client leaves is its person's, and in its group
                os.killpg(client.pid, signal.SIGKILL)
            client.wait()
        if self.process is not None and self.process.poll() is None:
            for run in self.rows("runs"):
                self.jitd("stop", run["id"])
            self.stop()
        shutil.rmtree(self.root, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, fault: type[BaseException] | None, *_: object) -> None:
        """Its record holds, unless something else is at fault."""
        try:
            if fault is None:
                self.verify()
        finally:
            self.close()

    # --- people -------------------------------------------------------------------------------------------------------

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "JITD_SOCKET": str(self.socket), "LANG": "C.UTF-8"}

    def line(self, who: str, *words: str | bytes, ticket: bool = True) -> list[str | bytes]:
        """The command line by which ``who`` (``root``: without a ticket) runs ``words`` against this daemon."""
        env = ["env", f"JITD_SOCKET={self.socket}"]
        if who == "root":
            return [*env, *words]
        return ["as", *([] if ticket else ["--no-ticket"]), who, *env, *words]

    def run(self, who: str, *words: str | bytes, ticket: bool = True, **more: Any) -> subprocess.CompletedProcess[str]:
        """``words`` as ``who``, to their end."""
        more = {
            "stdin": subprocess.DEVNULL,
            "timeout": PATIENCE,
            "cwd": "/",
            **({} if "input" not in more else {"stdin": None}),
            **more,
        }
        if "input" in more:
            del more["stdin"]
        line = self.line(who, *words, ticket=ticket)
        done = subprocess.run(line, capture_output=True, text=True, errors="surrogateescape", check=False, **more)
        done.stderr = without_news(done.stderr)
        return done

    def sudo(self, who: str, *words: str | bytes, **more: Any) -> subprocess.CompletedProcess[str]:
        """``jitsudo words`` as ``who``, to its end."""
        return self.run(who, "jitsudo", *words, **more)

    def jitd(self, *words: str, who: str = "root", **more: Any) -> subprocess.CompletedProcess[str]:
        """``jitd words`` as ``who``, to its end."""
        if more or not fork_server("verb").has_ours():
            return self.run(who, "jitd", *words, **more)
        environ, account = {**os.environ, "JITD_SOCKET": str(self.socket)}, None
        if who != "root":
            became = self.run(who, "env", "-0")  # which gets a fresh ticket, too
            if became.returncode != 0:
                return became
            environ, account = dict(one.split("=", 1) for one in became.stdout.split("\0") if one), account_of(who)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = fork_server("verb").start(["jitd", *words], out, err, environ=environ, cwd="/", account=account)
            try:
                process.wait(PATIENCE)
            except BaseException:
                process.kill()
                raise
            for file in (out, err):
                file.seek(0)
            said = [file.read().decode("utf-8", "surrogateescape") for file in (out, err)]
        return subprocess.CompletedProcess(["jitd", *words], process.wait(), said[0], without_news(said[1]))

    def ask(self, who: str, *words: str | bytes, ticket: bool = True, **more: Any) -> Asking:
        """``jitsudo words`` as ``who``, started and left to wait."""
        n = next(self._asked)
        out, err = self.root / f"said/{n}.out", self.root / f"said/{n}.err"
        with out.open("wb") as to_out, err.open("wb") as to_err:
            more = {"stdin": subprocess.DEVNULL, "cwd": "/", **more}
            process = subprocess.Popen(
                self.line(who, "jitsudo", *words, ticket=ticket), stdout=to_out, stderr=to_err, start_new_session=True, **more
            )
        self._clients.append(process)
        return Asking(process, out, err)

    def approve(self, id: str, who: str = "bob", *more: str) -> subprocess.CompletedProcess[str]:
        return self.jitd("approve", id, "--yes", *more, who=who)

    def approved(self, id: str, who: str = "bob") -> None:
        """``who`` approves exactly what they are shown: for tests of what comes of it, without a process."""
        with connected(self, who) as raw:
            (row,) = raw.rows(Show(id=id))
            answer = raw.ask(review(row))[-1]
            assert isinstance(answer, Done), answer

    def reload(self) -> None:
        """The policy files are read again, and taken: without a process. Raises RefusedByDaemon."""
        self.asked(Reload())

    def ended(self, *words: str, who: str = "root") -> subprocess.CompletedProcess[str]:
        """``jitd words``: a verb that returns 0 when all that it ends is gone. On a host too busy to end it within the verb's own
        time, the verb says that it is not gone; then it is waited for here.
        """
        began = time.monotonic()
        done = self.jitd(*words, who=who)
        if done.returncode != 0:
            assert NOT_YET.search(done.stderr) and time.monotonic() - began >= GONE_WITHIN, done
            wait_for(lambda: not self.being_ended(), what=f"the end of what {words[0]} ends ({done.stderr})")
        return done

    def being_ended(self) -> list[str]:
        """The runs and the things that are not gone yet, and that somebody has ended."""
        runs = [one.id for one in self.kept("runs") if one.state is RunState.STOPPING]
        return [*runs, *(one.id for one in self.kept("holdings") if one.state is HoldingState.TAKING)]

    def deny(self, id: str, who: str = "bob", reason: str = "no") -> subprocess.CompletedProcess[str]:
        return self.jitd("deny", id, "--reason", reason, who=who)

    def rows(self, verb: str, *more: str, who: str = "root") -> list[dict[str, Any]]:
        """What ``jitd verb --json`` lists."""
        if who == "root" and more in ((), ("--all",)):
            return [exact(row) for row in self.asked(List(what=verb, ended=bool(more)))]
        done = self.jitd(verb, "--json", *more, who=who)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def asked(self, message: Message) -> list[dict[str, Any]]:
        """What the daemon answers root: as the verbs do, and without a process for each look."""
        connection = Connection(str(self.socket), None)
        with contextlib.closing(connection):
            connection.open(time.monotonic() + PATIENCE)
            return list(connection.ready().ask(message))

    def show(self, id: str, who: str = "root") -> dict[str, Any]:
        (row,) = self.rows("show", id, who=who) if who != "root" else map(exact, self.asked(Show(id=id)))
        return row

    def kept(self, which: str, *, ended: bool = False) -> list[Any]:
        """The ``requests``, ``grants``, ``runs`` or ``locks`` by now, for who waits: it starts no process."""
        with contextlib.closing(SqliteStore.reading(self.database)) as store:
            return list(getattr(store, which)(ended=ended))

    def head(self) -> Seal:
        """The last record of the chain: its number and its digest. Nothing changes without one."""
        with contextlib.closing(SqliteStore.reading(self.database)) as store:
            return store.head()

    def is_signed(self) -> bool:
        """Whether the head of the chain has a checkpoint: then the daemon writes nothing by itself."""
        with contextlib.closing(SqliteStore.reading(self.database)) as store:
            last = store.last_checkpoint()
            return last is not None and Seal(last.number, last.seal) == store.head()

    def run_of(self, id: str) -> Run:
        """The run with the id of a request, whether it has ended or not. Raises LookupError while there is none."""
        return {run.id: run for run in self.kept("runs", ended=True)}[id]

    def request_of(self, id: str) -> Request:
        """A request, as the database has it by now."""
        return {request.id: request for request in self.kept("requests", ended=True)}[id]

    def records(self, after: int = 0) -> list[dict[str, Any]]:
        """The chain after the record of that number, as root reads it."""
        return lines_in(self.asked(Audit(after=after)))

    def at_rest(self) -> House:
        """Itself, once nothing runs: a client may end before the end of its run is recorded."""
        wait_for(lambda: not self.kept("runs"), what="the end of what runs")
        return self

    def verify(self) -> None:
        """The chain holds, and the objects are those that it tells of: as ``jitd audit verify FILE``, without a process.
        Raises NotWhole.
        """
        with contextlib.closing(read_store(self.database)) as store:
            verify(store)


def house_with(policy: str, config: str = "") -> Callable[[], Iterator[House]]:
    """A fixture: a daemon with ``policy``, shared by the tests of one file."""

    @pytest.fixture(scope="module")
    def house() -> Iterator[House]:
        with House(policy, config) as made:
            yield made

    return house


house = house_with(OF_THE_LAB)


@pytest.fixture
def own_house() -> Iterator[Callable[..., House]]:
    """Makes daemons for one test alone: ``own_house(policy, config)``, not started yet."""
    made: list[House] = []

    def make(policy: str = OF_THE_LAB, config: str = "") -> House:
        made.append(House(policy, config))
        return made[-1]

    yield make
    for one in made:
        one.close()
