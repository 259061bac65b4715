# SPDX-License-Identifier: Apache-2.0
"""hostile_holder.py SEED PLACE THEN LOCKS...: do random things by which somebody keeps what they were given (hostile.py).

It runs as a person, with Python's standard library alone. PLACE is a directory of the person's. THEN is ``ends`` or ``stays``.
LOCKS are files and directories to lock. The processes that it leaves end when PLACE/stop exists, and by themselves after
LIVES_FOR seconds.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

LIVES_FOR = 600.0
ABSTRACT = "\0hostile {uid}"
"""Where the accomplice of an account listens."""


class Holder:
    """Somebody with bad intentions. ``place`` is theirs, and ``locks`` is what they know to be locked by others."""

    def __init__(self, seed: int, place: Path, locks: list[str]) -> None:
        self.chance = random.Random(seed)
        self.place, self.locks = place, locks
        self.ends_at = time.monotonic() + LIVES_FOR

    def is_over(self) -> bool:
        return time.monotonic() > self.ends_at or (self.place / "stop").exists()

    def behind(self, deed: Callable[[], None], sessions: int = 1) -> None:
        """Do ``deed`` in a process that has left this one: in a session of its own, and with each further one forked again."""
        if os.fork():
            return
        with contextlib.suppress(BaseException):
            for _ in range(sessions):
                os.setsid()
                if os.fork():
                    os._exit(0)
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            nothing = os.open(os.devnull, os.O_RDWR)
            for stream in range(3):
                os.dup2(nothing, stream)
            deed()
        os._exit(0)

    def linger(self) -> None:
        while not self.is_over():
            time.sleep(0.2)

    # --- what keeps others waiting -------------------------------------------------------------------------------------------

    def lock(self) -> None:
        """Lock everything that can be opened, and stay."""
        kept = []
        for path in self.locks:
            with contextlib.suppress(OSError):
                kept.append(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
                fcntl.flock(kept[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.linger()

    def freeze(self) -> None:
        """Begin a tool that locks the host's accounts, and stop it at a random moment."""
        tool = self.chance.choice([["chsh", "-s", "/bin/sh"], ["passwd"], ["chfn", "-r", "1", "root"], ["newgrp", "tapes"]])
        running = subprocess.Popen(tool, stdin=subprocess.PIPE)
        time.sleep(self.chance.random() / 10)
        running.send_signal(signal.SIGSTOP)
        self.linger()

    def stop_itself(self) -> None:
        os.kill(os.getpid(), signal.SIGSTOP)

    # --- what is hard to find ------------------------------------------------------------------------------------------------

    def chain(self) -> None:
        """Fork, and end, and so on: each process lives for milliseconds."""
        while not self.is_over():
            if os.fork():
                os._exit(0)
            time.sleep(0.002)

    def hand_out(self) -> None:
        """Give an accomplice outside all that is open here."""
        files = [int(name) for name in os.listdir("/proc/self/fd")][:20]
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
            line.connect(ABSTRACT.format(uid=os.getuid()))
            line.sendmsg([b"."], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))])

    def copy_secret(self) -> None:
        """Copy the secret to where it is found again."""
        if number := os.environ.get("JITSUDO_ACCESS_FD"):
            (self.place / "secret").write_bytes(Path(f"/proc/self/fd/{number}").read_bytes())

    def set_ids(self) -> None:
        """Leave programs that run with the ids that this process has now, in directories of many depths."""
        for _ in range(self.chance.randint(1, 4)):
            at = self.place.joinpath(*("d" for _ in range(self.chance.choice([0, 3, 60]))), f"id-{self.chance.random()}")
            at.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy("/usr/bin/id", at)
            gid = self.chance.choice([*os.getgroups(), os.getegid()])
            for step in self.chance.choice(
                [(self._own, self._mode), (self._mode, self._own), (self._mode, self._own, self._mode)]
            ):
                with contextlib.suppress(OSError):
                    step(at, gid)

    def _own(self, at: Path, gid: int) -> None:
        os.chown(at, -1, gid)

    def _mode(self, at: Path, gid: int) -> None:
        os.chmod(at, self.chance.choice([0o6755, 0o2755, 0o4755, 0o2711]))

    def set_gid_directory(self) -> None:
        at = self.place / "set-gid"
        at.mkdir(exist_ok=True)
        for gid in os.getgroups():
            with contextlib.suppress(OSError):
                os.chown(at, -1, gid)
        at.chmod(0o2777)

    def dig(self) -> None:
        """Make a tree deeper than a path may be long, with a set-id program at its end."""
        before = os.getcwd()
        os.chdir(self.place)
        try:
            for _ in range(self.chance.choice([200, 1500])):
                os.mkdir("deep-" + "x" * 10)
                os.chdir("deep-" + "x" * 10)
            shutil.copy("/usr/bin/id", "id")
            os.chmod("id", 0o6755)
        finally:
            os.chdir(before)

    def litter(self) -> None:
        for number in range(self.chance.choice([100, 3000])):
            (self.place / f"litter-{number}\n; taken back").touch()

    def mount(self) -> None:
        """A file system of the person's own, which root cannot enter."""
        shown = self.place / "shown"
        shown.mkdir(exist_ok=True)
        subprocess.run(["bindfs", "--no-allow-other", "/usr/bin", shown], timeout=5, check=False)

    def namespaces(self) -> None:
        subprocess.run(["unshare", "-Urpf", "--kill-child", "sleep", str(LIVES_FOR)], check=False)

    # --- who comes back later ------------------------------------------------------------------------------------------------

    def later(self) -> None:
        line = f"* * * * * touch {self.place}/came-back\n"
        subprocess.run(["crontab", "-"], input=line, text=True, timeout=5, check=False)

    def others_manager(self) -> None:
        for words in (["--user", "--scope", "sleep", "60"], ["--user", "sleep", "60"]):
            subprocess.run(["systemd-run", *words], timeout=5, check=False)

    # --- a database ----------------------------------------------------------------------------------------------------------

    def talk(self, *statements: str) -> None:
        """Say ``statements`` to the database, and stay there."""
        file = f"/dev/fd/{os.environ['JITSUDO_ACCESS_FD']}"
        line = ["psql", "-XqAt", "-h", "127.0.0.1", "service=reporting"]
        running = subprocess.Popen(line, stdin=subprocess.PIPE, close_fds=False, env={**os.environ, "PGSERVICEFILE": file})
        assert running.stdin is not None
        running.stdin.write("".join(f"{statement};\n" for statement in statements).encode())
        running.stdin.flush()
        self.linger()

    def database(self) -> None:
        name = f"h{self.chance.randrange(1 << 30)}"
        self.talk(
            *self.chance.choice(
                [
                    ["BEGIN", "ALTER ROLE CURRENT_USER SET work_mem = '1MB'"],
                    ["BEGIN", "ALTER ROLE CURRENT_USER PASSWORD 'x'", "SELECT pg_sleep(60)"],
                    ["BEGIN", f"CREATE TABLE {name} (a int)", f"PREPARE TRANSACTION '{name}'"],
                    ["BEGIN", f"CREATE TABLE {name} (a int)", f"LOCK TABLE {name}"],
                    [f"CREATE TABLE {name}_{n} (a int)" for n in range(self.chance.choice([3, 150]))],
                    ["BEGIN", "LOCK TABLE orders IN ACCESS SHARE MODE", "SELECT pg_sleep(60)"],
                    ["SELECT pg_advisory_lock(1)", "LISTEN x"],
                    ["GRANT reporting_ro TO alice", "GRANT CURRENT_USER TO alice"],
                    [f"CREATE FUNCTION {name}() RETURNS int SECURITY DEFINER LANGUAGE sql AS 'SELECT 1'"],
                    ["SET ROLE reporting_ro", "SELECT pg_sleep(60)"],
                    [f"SELECT lo_create({self.chance.randrange(1 << 30)})"],
                ]
            )
        )

    # ---------------------------------------------------------------------------------------------------------------------------

    def act(self) -> None:
        """Do some of all that."""
        behind = [
            *(self.lock, self.freeze, self.stop_itself, self.chain, self.linger, self.namespaces, self.others_manager),
        ]
        here = [
            self.hand_out,
            self.copy_secret,
            self.set_ids,
            self.set_gid_directory,
            self.dig,
            self.litter,
            self.mount,
            self.later,
        ]
        if "JITSUDO_ACCESS_FD" in os.environ and shutil.which("psql"):
            behind += [self.database] * 4
        if os.getgid() not in os.getgroups() or len(os.getgroups()) > 1:  # there is a group to keep
            here += [self.set_ids] * 3
            behind += [self.chain] * 2
        for deed in self.chance.sample([*behind, *here], self.chance.randint(1, 8)):
            if deed in behind:
                self.behind(deed, self.chance.randint(0, 2))
            else:
                with contextlib.suppress(Exception):
                    deed()


def accomplice() -> None:
    """Keep what comes, outside of every holding, and lock what came."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        door.bind(ABSTRACT.format(uid=os.getuid()))
        door.listen(16)
        door.settimeout(LIVES_FOR * 6)
        while True:
            line, _ = door.accept()
            for number in socket.recv_fds(line, 1, 32)[1]:
                with contextlib.suppress(OSError):
                    fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)


def main(words: list[str]) -> None:
    """Run the command line."""
    if words == ["accomplice"]:
        return accomplice()
    seed, place, then, *locks = words
    Holder(int(seed), Path(place), locks).act()
    print("acted", flush=True)
    if then == "stays":
        signal.pause()


if __name__ == "__main__":
    main(sys.argv[1:])
