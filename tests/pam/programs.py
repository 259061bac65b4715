# SPDX-License-Identifier: Apache-2.0
"""The real sudo, su, doas and login behind the stacks that we ship, each at a terminal of its own, and a daemon for them.

Who types it says what becomes of it: carol is let in at once, alice if one of ops approves, dave's requests are over soon, and
nothing is permitted to eve. Law: runs as root in the lab alone; everything of the host is put back; a program that was let in
leaves a mark, and nothing else does.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import pwd
import select
import shutil
import stat
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect

from jitd.hosts.places import Places
from jitd.store.sqlite import SqliteStore
from tests.news import without_news
from tests.on_terminal import OnTerminal
from tests.pam.application import MODULE
from tests.platforms import is_newest
from tests.system.conftest import ID, REALM, House
from tests.waiting import PATIENCE, wait_for

SOCKET = Path("/run/jitd/jitd.sock")
INSTALLED = Path(Places().module(MODULE))
STACKS = Path("/usr/share/jitd/pam.d")
PYTHONS = Path(sysconfig.get_path("stdlib"))
"""The library of the host's Python, ``/usr/lib/python3.N``."""
GATED = ("sudo", "sudo-i", "su", "su-l", "doas", "login", "cron")
SERVICES = '["sudo", "sudo-i", "su", "su-l", "doas"]'
PASSWORD = "correct horse"
PEOPLE = ("alice", "bob", "carol", "dave", "eve")
TOUCHED = (
    *(f"/etc/pam.d/{service}" for service in GATED), "/etc/sudoers", "/etc/doas.conf", "/etc/shadow", "/etc/passwd",
)  # fmt: skip


def _rule(name: str, who: str, services: str, more: str = "") -> str:
    return (
        f'[[permit]]\nname = "{name}"\nwho = ["user:{who}"]\nservices = {services}\nrun_as = ["*"]\ncommands = [["**"]]\n'
        f'run = {{ options = "allow" }}\ngrant = {{ lasts = "1h", uses = 100 }}\n{more}'
    )


OPS = 'approvals = [{ need = 1, from = ["group:ops"] }]\n'
RULES = (("at-once", "carol", ""), ("asked", "alice", OPS), ("soon-over", "dave", OPS + 'expires = "3s"\n'))
POLICY = "".join(
    _rule(name, who, SERVICES, more) + _rule(f"{name}-at-login", who, '["login"]', more + 'ticket = "optional"\n')
    for name, who, more in RULES
)
"""At a login there is no ticket yet: a password says who it is."""
CHPASSWD = ("chpasswd", "-c", "SHA256", "-s", "1000")
"""Sets passwords that are proved in no time: nothing here is about what guesses them."""
SUDOERS = """\
Defaults env_reset, !lecture, passwd_tries=1
Defaults secure_path="/usr/sbin:/usr/bin:/sbin:/bin"
root ALL=(ALL:ALL) ALL
ALL ALL=(ALL:ALL) NOPASSWD: ALL
"""
GATE_OF_CRON = """\
#account [success=2 default=ignore] pam_succeed_if.so quiet uid = 0
#account [success=1 default=ignore] pam_jit.so
#account requisite pam_deny.so
"""
_MARK = "{mark}"


@dataclass(frozen=True)
class Program:
    """What is typed. ``beforehand`` is what jitsudo is told to ask for the same; in a shell the mark is made when it is there."""

    name: str
    service: str
    words: tuple[str, ...]
    beforehand: tuple[str, ...]
    is_shell: bool = False
    asks_password: bool = False
    run_as: str = "root"

    def line(self, who: str, mark: Path) -> list[str]:
        return [word.replace(_MARK, str(mark)).replace("{who}", who) for word in self.words]

    def asked_beforehand(self, mark: Path) -> list[str]:
        return ["--service", self.service, *(word.replace(_MARK, str(mark)) for word in self.beforehand)]


TOUCH = ("/usr/bin/touch", _MARK)
PROGRAMS = (
    Program("sudo", "sudo", ("sudo", *TOUCH), TOUCH),
    Program("sudo -i", "sudo-i", ("sudo", "-i"), ("-i",), is_shell=True),
    Program("sudo -i CMD", "sudo-i", ("sudo", "-i", *TOUCH), ("-i", *TOUCH)),
    Program("sudo -s", "sudo", ("sudo", "-s"), ("-s",), is_shell=True),
    Program("su", "su", ("su",), ("/bin/bash",), is_shell=True, asks_password=True),
    Program("su -", "su-l", ("su", "-", "bob"), ("-u", "bob", "-i"), is_shell=True, asks_password=True, run_as="bob"),
    Program(
        "su -c", "su", ("su", "bob", "-c", f"touch {_MARK}"), ("-u", "bob", "/bin/bash", "-c", f"touch {_MARK}"),
        asks_password=True, run_as="bob",
    ),
    Program("doas", "doas", ("doas", *TOUCH), TOUCH),
    Program("doas -s", "doas", ("doas", "-s"), ("-s",), is_shell=True),
    Program("login", "login", ("login", "{who}"), (), is_shell=True, asks_password=True, run_as="{who}"),
    *([Program("sudo-rs", "sudo", ("sudo-rs", *TOUCH), TOUCH)] if shutil.which("sudo-rs") else []),  # from Debian 13 on
)  # fmt: skip
BY_NAME = {program.name: program for program in PROGRAMS}
LOGIN_STANDS = 7.0 if is_newest("util-linux") else 2.0
"""Seconds that a refusal stands at a console: jitd's own two, and five of the login of Debian 13, which is that of util-linux."""
COLUMNS = tuple(BY_NAME[name] for name in ("sudo", "su -c", "doas", "login"))
"""One of each: the columns of docs/pam.md's table."""


class Driven:
    """A program at its terminal, and whoever sits there."""

    def __init__(
        self, line: list[str], mark: Path, cwd: str, *, is_shell: bool, asks_password: bool, stands: float = 0.0
    ) -> None:
        self.line = line
        self.mark = mark
        self.stands = stands
        """Seconds that a refusal is left to be read, before the program ends."""
        self.took = 0.0
        """Seconds from the password to the end."""
        self._is_shell = is_shell
        self._read = io.StringIO()
        self.began_at = time.monotonic()
        environment = {"PATH": os.environ["PATH"], "TERM": "dumb", "LANG": "C.UTF-8"}
        self.terminal = OnTerminal(
            line[0],
            line[1:],
            env=environment,
            cwd=cwd,
            encoding="utf-8",
            codec_errors="replace",
            timeout=PATIENCE,
            dimensions=(50, 300),
        )
        self.terminal.delaybeforesend = None
        self.terminal.delayafterclose = self.terminal.ptyproc.delayafterclose = 0.01
        self.terminal.logfile_read = self._read
        if asks_password:
            self.answers("Password: ", PASSWORD)
            self.began_at = time.monotonic()

    @property
    def text(self) -> str:
        """All that has been read at the terminal, without news."""
        return without_news(self._read.getvalue())

    @property
    def has_run(self) -> bool:
        return self.mark.exists()

    def reads(self, sentence: str) -> None:
        self.terminal.expect_exact(sentence)

    def answers(self, question: str, answer: str) -> None:
        """To a question that is answered unseen."""
        answers_unseen(self.terminal, question, answer)

    @property
    def id(self) -> str:
        """The request's, once it is told that somebody is asked."""
        self.reads(", within ")
        found = ID.search(self.text)
        assert found is not None
        return found[1]

    def is_let_in(self) -> None:
        """It runs, and ends."""
        if self._is_shell:
            self.terminal.expect(r"@lab:[^\r\n]*[#$] ")
            self.terminal.sendline(f"touch {self.mark}; exit")
        self.ends()
        assert self.has_run, self.text
        self.mark.unlink()

    def is_kept_out(self, sentence: str) -> float:
        """It ends, the person reads the sentence, and nothing ran. The seconds that it took."""
        return all_are_kept_out([self], sentence)[0]

    def ends(self) -> None:
        """Read to the end."""
        all_end([self])

    def has_ended(self) -> bool:
        """Read what there is; true at the end of it."""
        if not self.took:
            try:
                self.terminal.expect(pexpect.EOF, timeout=0.02)
            except pexpect.TIMEOUT:
                return False
            self.took = time.monotonic() - self.began_at
            self._read_the_rest()
            self.terminal.close()
        return True

    def _read_the_rest(self) -> None:
        """On a busy host the kernel passes on what was written at the end only after the program has gone, and pexpect, which
        sees that it has gone, does not wait for it. The terminal itself says when nothing is left.
        """
        while select.select([self.terminal.child_fd], [], [], 1)[0]:
            try:
                data = os.read(self.terminal.child_fd, 65536)
            except OSError:
                return
            if not data:
                return
            self._read.write(data.decode("utf-8", "replace"))

    def close(self) -> None:
        self.terminal.close(force=True)


def answers_unseen(terminal: Any, question: str, answer: str) -> None:
    """What asks has turned the echo off by then, and thrown away what was typed before."""
    terminal.expect_exact(question)
    assert terminal.waitnoecho(PATIENCE), question
    terminal.sendline(answer)


def all_end(typed: list[Driven]) -> None:
    """Read all of them to their ends, turn by turn."""
    gives_up = time.monotonic() + PATIENCE
    while late := [each for each in typed if not each.has_ended()]:
        assert time.monotonic() < gives_up, f"it does not end within {PATIENCE} s: {late[0].text}"


def all_are_kept_out(typed: list[Driven], sentence: str) -> list[float]:
    """``Driven.is_kept_out`` of some that were begun together; the seconds of each, without those that a refusal stands."""
    all_end(typed)
    for each in typed:
        assert sentence in each.text, f"{each.line}: {each.text}"
        assert not each.has_run, each.text
        assert "@lab:" not in each.text, f"a shell's prompt: {each.text}"
    return [each.took - each.stands for each in typed]


class Gated(House):
    """A daemon at the place where the module looks for it, and a host with our stacks."""

    def __init__(self, policy: str = POLICY, config: str = "", stacks: tuple[str, ...] = GATED) -> None:
        super().__init__(policy, config)
        self._kept = {path: _state_of(path) for path in TOUCHED}
        self._driven: list[Driven] = []
        self._marks = itertools.count(1)
        self._tickets: dict[str, bytes] = {}
        self.ran = self.root / "ran"
        self.ran.mkdir()
        self.ran.chmod(0o1777)
        SOCKET.parent.mkdir(exist_ok=True)
        SOCKET.unlink(missing_ok=True)
        SOCKET.symlink_to(self.socket)
        for service in stacks:
            write(f"/etc/pam.d/{service}", (STACKS / service).read_text())
        write("/etc/sudoers", SUDOERS, 0o440)
        write("/etc/doas.conf", "".join(f"permit nopass keepenv {name}\n" for name in (*PEOPLE, "root")), 0o600)
        people = "".join(f"{name}:{PASSWORD}\n" for name in (*PEOPLE, "root"))
        subprocess.run([*CHPASSWD], input=people, text=True, check=True)

    def close(self) -> None:
        try:
            for driven in self._driven:
                driven.close()
            super().close()
        finally:
            self._take_back()

    def _take_back(self) -> None:
        SOCKET.unlink()
        for path, (content, mode, uid, gid) in self._kept.items():
            if content is None:
                Path(path).unlink(missing_ok=True)
            else:
                Path(path).write_bytes(content)
                os.chmod(path, mode)
                os.chown(path, uid, gid)
        shutil.rmtree("/run/sudo", ignore_errors=True)

    def mark(self) -> Path:
        return self.ran / str(next(self._marks))

    def type(
        self,
        who: str,
        program: Program,
        *,
        cache: bytes | str | None = "fresh",
        env: tuple[str, ...] = (),
        mark: Path | None = None,
    ) -> Driven:
        """``who`` types it. ``cache`` is what their credential cache holds (None: there is none), "fresh" a new ticket. At a
        login ``who`` is at the console, and the cache is the account's default one.
        """
        mark = mark or self.mark()
        line = program.line(who, mark)
        ready = ["as", "--no-ticket", who]
        if who == "root":
            ready = []
        elif cache == "fresh":
            ready = self.become(who)
        elif isinstance(cache, bytes):
            env = (f"KRB5CCNAME=FILE:{self.put_cache(who, cache)}", *env)
        if program.service == "login":
            default = default_cache(who)
            if cache != "fresh":
                default.unlink(missing_ok=True)
            if isinstance(cache, bytes):
                self.put_cache(who, cache, default)
        else:
            line = [*ready, *(["env", *env] if env else []), *line]
        return self.drive(line, program, mark, asks_password=program.asks_password and not (who == "root" and "su" in line))

    def become(self, who: str) -> list[str]:
        """What stands before a line that ``who`` types. A ticket that nothing was done with yet is in the default cache of the
        account: a KDC is asked for it once.
        """
        if who not in self._tickets:
            self._tickets[who] = self.ticket_of(who)
        default = default_cache(who)
        made = self.put_cache(who, self._tickets[who], default.with_suffix(f".{next(self._marks)}"))
        made.rename(default)  # who reads the one before sees no half of this one
        return ["as", "--no-ticket", who, "env", "-u", "KRB5CCNAME"]

    def put_cache(self, who: str, content: bytes, at: Path | None = None) -> Path:
        """A credential cache of theirs."""
        at = at or self.root / "said" / f"cache-{next(self._marks)}"
        entry = pwd.getpwnam(who)
        at.touch(mode=0o600)
        os.chown(at, entry.pw_uid, entry.pw_gid)
        at.write_bytes(content)
        return at

    def ticket_of(self, who: str, *kinit: str) -> bytes:
        """A cache with a ticket of theirs, and none for jitd in it yet."""
        at = self.root / "said" / f"ticket-{next(self._marks)}"
        line = ["kinit", *kinit, "-c", f"FILE:{at}", f"{who}@{REALM}"]
        subprocess.run(line, input=who * 2, text=True, capture_output=True, check=True)
        content = at.read_bytes()
        at.unlink()
        return content

    def drive(self, line: list[str], program: Program, mark: Path, *, asks_password: bool | None = None, cwd: str = "") -> Driven:
        """The line itself at a terminal."""
        asks = program.asks_password if asks_password is None else asks_password
        is_login = program.service == "login"
        made = Driven(
            line,
            mark,
            cwd or ("/root" if is_login else "/"),
            is_shell=program.is_shell,
            asks_password=asks,
            stands=LOGIN_STANDS if is_login else 0.0,
        )
        self._driven.append(made)
        return made

    def ask_beforehand(self, who: str, program: Program, mark: Path, *more: str) -> str:
        """The id of a request for what ``program`` will do."""
        done = self.sudo(who, "--no-wait", *more, *program.asked_beforehand(mark))
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def events(self) -> list[str]:
        """All that is on record: what a refusal adds nothing to."""
        return [record["event"] for record in self.records()]

    def reload(self) -> subprocess.CompletedProcess[str]:
        return self.jitd("reload")

    def until(self, id: str, state: str) -> dict[str, Any]:
        """The request, once that is its state."""
        wait_for(lambda: self.state_of(id) == state, what=f"{id} {state}")
        return self.show(id)

    def state_of(self, id: str) -> str:
        """The request's, from the database, which is no process to start."""
        with contextlib.closing(SqliteStore.reading(self.database)) as store:
            found = store.request(id)
        return found.state.value if found else ""


@contextlib.contextmanager
def module(made: bytes) -> Iterator[None]:
    """Another one in the place of ours."""
    kept, half = INSTALLED.with_suffix(".kept"), INSTALLED.with_suffix(".half")
    INSTALLED.rename(kept)  # who has it in memory keeps it
    half.write_bytes(made)
    half.rename(INSTALLED)
    try:
        yield
    finally:
        kept.rename(INSTALLED)


def module_of(body: str) -> bytes:
    """One in C, whose every function has this body."""
    names = ("authenticate", "acct_mgmt", "open_session", "close_session")
    code = "".join(f"int pam_sm_{name}(void) {{ {body} }}\n" for name in names)
    code = f"#include <fcntl.h>\n#include <signal.h>\n#include <unistd.h>\n{code}"
    with tempfile.NamedTemporaryFile() as made:
        subprocess.run(["cc", "-shared", "-fPIC", "-o", made.name, "-x", "c", "-"], input=code, text=True, check=True)
        return Path(made.name).read_bytes()


def default_cache(who: str) -> Path:
    """Where their account's credential cache is looked for."""
    return Path(f"/tmp/krb5cc_{pwd.getpwnam(who).pw_uid}")


def leaves_a_mark(mark: Path) -> bytes:
    """One that refuses everybody, and makes ``mark`` when it is asked."""
    return module_of(f'close(open("{mark}", O_CREAT | O_WRONLY, 0600)); return 6;')


def write(path: str, text: str, mode: int = 0o644) -> None:
    """A file of root's, which nobody else sees half of."""
    Path(path).write_text(text)
    Path(path).chmod(mode)


def edit_stacks(old: str, new: str) -> None:
    """One word for another in all the stacks that are in place."""
    for service in GATED:
        path = Path("/etc/pam.d", service)
        path.write_text(path.read_text().replace(old, new))


def _state_of(path: str) -> tuple[bytes | None, int, int, int]:
    if not os.path.exists(path):
        return None, 0, 0, 0
    status = os.stat(path)
    return Path(path).read_bytes(), stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid
