# SPDX-License-Identifier: Apache-2.0
"""A real sshd whose logins a House decides, and real ssh clients of the lab's people.

Law: what it changes of the host (the stack, shadow) is put back; all that it starts is ended.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jitd.store.sqlite import SqliteStore
from tests import real_sshd
from tests.news import without_news
from tests.pam.programs import CHPASSWD
from tests.system.conftest import HOST, REALM, House
from tests.waiting import PATIENCE, wait_for

STACK = Path("/etc/pam.d/sshd")
SHIPPED = Path(__file__).parents[2] / "contrib/pam.d/sshd"
MODULE = "pam_jit.so"
OPS = 'approvals = [{ need = 1, from = ["group:ops"] }]'
PREFERRED = {"gssapi": "gssapi-with-mic", "key": "publickey", "password": "password", "keyboard": "keyboard-interactive"}
PEOPLE = ("alice", "bob", "carol", "dave", "eve")
KEY_EXCHANGE = "curve25519-sha256"
"""The one that ssh prefers takes a third of the processor time of a whole login, and nothing here is about it."""
_ports = itertools.count(2200)


def rule(name: str, who: str, *more: str) -> str:
    """Of logins of ``who``."""
    said = "\n".join(more)
    return (
        f'[[permit]]\nname = "{name}"\nwho = ["user:{who}"]\nservices = ["sshd"]\nrun_as = ["*"]\ncommands = [["**"]]\n{said}\n'
    )


def stack_of(house: House, text: str = "") -> str:
    """``text``, or the stack that is shipped, with its gate asking ``house``."""
    return (text or SHIPPED.read_text()).replace(MODULE, f"{MODULE} socket={house.socket}")


@functools.cache
def key_of(person: str) -> tuple[bytes, bytes]:
    """Theirs, private and public: made once, whatever the number of sshds."""
    with tempfile.TemporaryDirectory() as place:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{place}/key"], check=True)
        return Path(place, "key").read_bytes(), Path(place, "key.pub").read_bytes()


class Clients:
    """Those of an sshd that is there."""

    def __init__(self, port: int = 22) -> None:
        self.port = port
        self._tickets: dict[str, bytes] = {}
        self.directory = Path(tempfile.mkdtemp(prefix="sshd-", dir="/srv"))
        self.directory.chmod(0o755)
        for person in (*PEOPLE, "root"):
            mine = self.directory / f"{person}.key"
            private, public = key_of(person)
            mine.touch(mode=0o600)
            mine.write_bytes(private)
            (self.directory / f"{person}.pub").write_bytes(public)
            if person != "root":
                shutil.chown(mine, person)
        (self.directory / "batch").write_text("pwd\n")
        answer = self.directory / "answer"
        answer.write_text('#!/bin/sh\necho "$ANSWER"\n')
        answer.chmod(0o755)

    def options(self, method: str, who: str, *, delegates: bool = True) -> list[str]:
        """What ssh and sftp are told."""
        told = {
            "StrictHostKeyChecking": "no", "UserKnownHostsFile": "/dev/null", "LogLevel": "INFO", "Port": str(self.port),
            "PreferredAuthentications": ",".join(PREFERRED[one] for one in method.split("+")),
            "GSSAPIAuthentication": "yes", "GSSAPIDelegateCredentials": "yes" if delegates else "no",
            "IdentityFile": f"{self.directory}/{who}.key", "IdentitiesOnly": "yes", "NumberOfPasswordPrompts": "1",
            "KexAlgorithms": KEY_EXCHANGE,
        }  # fmt: skip
        return ["-F", "/dev/null", *(f"-o{name}={value}" for name, value in told.items())]

    def line(
        self,
        who: str,
        *words: str,
        method: str = "gssapi",
        account: str = "",
        delegates: bool = True,
        lies_about: bool = False,
        program: str = "ssh",
        more: tuple[str, ...] = (),
    ) -> list[str]:
        """The command line by which ``who`` logs in as ``account`` and has ``words`` done. The ticket is out of the host's sight,
        unless one ``lies_about`` where the account's is looked for.
        """
        account = account or who
        asks = ["env", f"SSH_ASKPASS={self.directory}/answer", "SSH_ASKPASS_REQUIRE=force", f"ANSWER={account * 2}"]
        become: list[str] = []
        if who != "root":
            uid = pwd.getpwnam(who).pw_uid
            Path(f"/tmp/krb5cc_{uid}").unlink(missing_ok=True)  # of an earlier command
            become = ["as", *([] if lies_about else ["--no-ticket"]), who]
            if "gssapi" in method and not lies_about:
                asks.insert(1, f"KRB5CCNAME={self._put_ticket(who)}")
        where = [f"{account}@{HOST}"]
        return [*become, *asks, program, *self.options(method, account, delegates=delegates), *more, *where, *words]

    def _put_ticket(self, who: str) -> str:
        """A ticket of theirs that nothing was done with yet, where the host does not look: a KDC is asked for it once."""
        made, elsewhere = Path(self.directory, f"{who}.ticket"), f"/tmp/krb5cc_{pwd.getpwnam(who).pw_uid}_client"
        if who not in self._tickets:
            line = ["kinit", "-c", f"FILE:{made}", f"{who}@{REALM}"]
            subprocess.run(line, input=who * 2, text=True, capture_output=True, check=True)
            self._tickets[who] = made.read_bytes()
        made.touch(mode=0o600)
        made.write_bytes(self._tickets[who])
        shutil.chown(made, who)
        shutil.move(made, f"{elsewhere}.new")
        os.rename(f"{elsewhere}.new", elsewhere)  # who reads the one before sees no half of this one
        return elsewhere

    def ssh(self, who: str, *words: str, within: float = PATIENCE, **how: Any) -> subprocess.CompletedProcess[str]:
        """It, to its end."""
        line = self.line(who, *(words or (("id", "-un") if how.get("program", "ssh") == "ssh" else ())), **how)
        done = subprocess.run(
            line, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=within, cwd="/"
        )
        done.stdout, done.stderr = without_news(done.stdout), without_news(done.stderr)
        return done

    def started(self, who: str, *words: str, **how: Any) -> subprocess.Popen[str]:
        """It, left to run."""
        return subprocess.Popen(
            self.line(who, *words, **how), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            cwd="/", start_new_session=True,
        )  # fmt: skip

    def close(self) -> None:
        shutil.rmtree(self.directory)


class Sshd(Clients):
    """One of our own. Logins are by all methods, unless ``settings`` say another thing."""

    def __init__(self, house: House, settings: dict[str, str] | None = None) -> None:
        super().__init__(next(_ports))
        self.house = house
        self.log_file = self.directory / "log"
        key = self.directory / "host_key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        said = {
            "Port": str(self.port), "ListenAddress": "127.0.1.1", "HostKey": str(key), "PidFile": "none", "UsePAM": "yes",
            "AuthorizedKeysFile": f"{self.directory}/%u.pub", "UseDNS": "no", "LogLevel": "VERBOSE", "StrictModes": "no",
            "PermitRootLogin": "yes", "AcceptEnv": "*", "Subsystem": "sftp internal-sftp", "PrintMotd": "no",
            "KbdInteractiveAuthentication": "yes", "PasswordAuthentication": "yes", "GSSAPIAuthentication": "yes",
            **(settings or {}),
        }  # fmt: skip
        config = self.directory / "config"
        config.write_text("".join(f"{name} {value}\n" for name, value in said.items()))
        self.process = real_sshd.started(config, self.log_file)
        wait_for(self._accepts, what="sshd")

    def _accepts(self) -> bool:
        assert self.process.poll() is None, self.log_file.read_text()
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.connect(("127.0.1.1", self.port))
            return True
        return False

    def sessions(self) -> list[int]:
        """The processes of sshd below the one that listens."""
        return children_of(self.process.pid)

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def close(self) -> None:
        for pid in self.sessions():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        self.process.terminate()
        self.process.wait(PATIENCE)
        super().close()


def children_of(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


@contextlib.contextmanager
def stacked(house: House) -> Iterator[Callable[[str], None]]:
    """The stack of sshd is the shipped one; what is yielded makes it another one. Passwords are there."""
    before = Path("/etc/pam.d/.sshd.before")
    shadow = Path("/etc/shadow").read_bytes()
    shutil.copyfile(STACK, before)
    try:
        passwords = "".join(f"{person}:{person * 2}\n" for person in (*PEOPLE, "root"))
        subprocess.run([*CHPASSWD], input=passwords, text=True, check=True)
        STACK.write_text(stack_of(house))
        yield lambda text: STACK.write_text(stack_of(house, text)) and None
    finally:
        shutil.copyfile(before, STACK)
        before.unlink()
        Path("/etc/shadow").write_bytes(shadow)
        for person in PEOPLE:
            Path(f"/tmp/krb5cc_{pwd.getpwnam(person).pw_uid}_client").unlink(missing_ok=True)


def grants_end_was_noted(house: House, who: str) -> bool:
    """Whether the daemon has taken the end of their grant to its notes, while what it let in goes on: the third version of it,
    after its issue and its use. By the database: no process is started to look.
    """
    with contextlib.closing(SqliteStore.reading(house.database)) as store:
        (grant,) = store.grants(uid=pwd.getpwnam(who).pw_uid)
    assert grant.version < 3 or time.clock_gettime(time.CLOCK_BOOTTIME) >= grant.ends_boot
    return grant.version == 3


def is_there(mark: str) -> list[int]:
    """The processes with ``mark`` among the words of their command line, but for who asks."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if mark.encode() in words and b"ssh" not in words and b"python" not in words[0]:
                found.append(int(entry.name))
    return found
