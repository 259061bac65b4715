# SPDX-License-Identifier: Apache-2.0
"""The PAM module, for pam_python.so: it asks jitd whether the program that it is in may go on (docs/pam.md, jitd(8)).

Law: standard library only, no thread, no state between calls. Every way out leads through ``_entry``. PAM_SUCCESS comes out of it
if jitd, whose process is root's, said ``granted`` on our own connection a moment ago; nothing else is a verdict, and no failure.
"""

from __future__ import annotations

# ruff: noqa: E402
import sys

# THREATS P-11. Not chosen from what is there: without a PATH (sshd's child, getty's login) Python takes / for its prefix.
sys.path[:] = [f"/usr/lib/python3.{sys.version_info[1]}{more}" for more in ("", "/lib-dynload")]

import _socket  # `socket` is this, and 2 ms and much memory more in every transaction
import binascii
import fcntl
import json
import os
import pwd
import select
import signal
import struct
import time
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self

SOCKET, PYTHON = "/run/jitd/jitd.sock", "/usr/bin/python3"
HELPER = "/usr/lib/jitd/jitpam/pam_initiator.py"
SERVICES_THAT_CANNOT_WAIT = ("sshd", "cron", "crond")  # a wait holds a place of MaxStartups, and cron has nobody who waits
# Only their conversation was measured: another's may be no function (cron, at), or answer nothing. pam_python crashes of either.
SERVICES_THAT_SHOW = ("sudo", "sudo-i", "su", "su-l", "doas", "login", "sshd")
ANSWER_WITHIN = 5.0  # seconds for each answer of jitd's but the decision
PROOF_WITHIN = 8.0  # seconds for all of the proof: a silent KDC costs 3 of them
FIRST_WORD_WITHIN = 15.0  # seconds until jitd says how it stands: it looks at files, and asks a KDC
DECIDED_WITHIN = 24 * 3600  # seconds to wait where the stack sets no limit; the request ends by itself long before
READABLE_FOR = 2.0  # seconds that a refusal stands at a console before getty clears it
LOOK_EVERY = 0.2  # seconds between two looks whether the person has pressed Ctrl-C
ACT_WITHIN_MS = 10_000  # how old a verdict may be: stopping this program in between gains nothing
FRAME_LIMIT = 256 * 1024  # bytes of one message to us: a tenth of that is the longest there is
MOST_SHOWN, MOST_WORDS = 500, 3 * 1024 * 1024  # bytes of one message to the person (PAM_MAX_MSG_SIZE is 512), and of a command
SUCCESS, DENIED, IGNORE, SILENT = 0, 6, 25, 0x8000  # of pam(3); the first three are all that ever comes out of here
LEAVING = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
AUTH, ACCOUNT, SESSION = STAGES = "auth", "account", "session"
AT_ONCE = _socket.MSG_NOSIGNAL | _socket.MSG_DONTWAIT


class _No(Exception):
    """The program may not go on. The sentence is for the person."""


class _Left(_No):
    """So too, because the person does not wait any longer."""


_GRANTED = object()  # comes back through every function when jitd has granted it; nothing from outside can be this object


def _entry(stage: str) -> Callable[[Any, int, list[str]], int]:
    """The gate, where it stands in ``stage``: SUCCESS or DENIED, and nothing else, ever."""

    def entry(pamh: Any, flags: int, argv: list[str]) -> int:
        try:
            return SUCCESS if _decide(pamh, flags, argv, stage) is _GRANTED else DENIED
        except BaseException:  # SystemExit and KeyboardInterrupt too: pam_python would answer as it likes
            return DENIED

    return entry


def pam_sm_setcred(pamh: Any, flags: int, argv: list[str]) -> int:
    """There are no credentials to set, and most programs ignore the answer; jitd sees by itself that a session has ended."""
    return IGNORE


def pam_sm_chauthtok(pamh: Any, flags: int, argv: list[str]) -> int:
    """We have no passwords to change: a stack that asks us about one is wrong."""
    return DENIED


pam_sm_authenticate, pam_sm_acct_mgmt, pam_sm_open_session = map(_entry, STAGES)
pam_sm_close_session = pam_sm_setcred


def _decide(pamh: Any, flags: int, argv: list[str], stage: str) -> object:
    """_GRANTED, or something else after having said why."""
    program = _Program(pamh, stage, flags)
    try:
        options = _options(argv)
        program.is_quiet |= "quiet" in options
        if options.get("stage", stage) != stage:
            raise _No(f"this line of the PAM stack stands in {stage}, and says stage={options['stage']}")
        _refuse_others_files()
        if program.service == "login":
            signal.alarm(0)  # LOGIN_TIMEOUT, which `login -f` lets run until PAM is through
        with _Patience() as patience:
            verdict = _ask(program, options, patience)
        if verdict is _GRANTED and program.item("user") != program.user:  # THREATS P-08
            raise _No("PAM now names another account than when jitd was asked")
        if verdict is _GRANTED and "debug" in options:
            _log(f"{program.service}: granted to {program.user}")
        return verdict
    except _No as no:
        because = told = str(no)
        if stage == AUTH and not program.is_callers:
            told = "denied"  # a stranger learns nothing, not even which accounts there are (THREATS P-13)
    except Exception as fault:
        because, told = f"internal error: {type(fault).__name__}: {fault}", "asking jitd failed; the system's log says why"
    program.tell(told)
    _log(f"{program.service}: refused: {because}")
    time.sleep(READABLE_FOR if program.service == "login" else 0)
    return None


def _options(argv: list[str]) -> dict[str, str]:
    """The arguments of the module's line in the stack."""
    found = {}
    for word in argv[1:]:
        name, _, value = word.partition("=")
        is_known = {
            "quiet": word == "quiet", "debug": word == "debug", "socket": value.startswith("/"), "stage": value in STAGES,
            "wait": value.isascii() and value.isdigit() and len(value) <= 6,
        }  # fmt: skip
        if not is_known.get(name):
            raise _No(f"pam_jit does not know the argument {_printable(word)}")
        found[name] = value
    return found


def _ask(program: _Program, options: dict[str, str], patience: _Patience) -> object:
    """_GRANTED, from jitd. Raises _No."""
    wait = int(options.get("wait", 0 if program.service in SERVICES_THAT_CANNOT_WAIT else DECIDED_WITHIN))
    asks, uid = program.question(), program.uid()
    with _connect(options.get("socket", SOCKET), patience) as jitd:
        jitd.say({"type": "hello", "version": 1, "authentication": "root", "nonce": _b64(os.urandom(32))})
        jitd.expect("hello", ANSWER_WITHIN)
        host = _text(jitd.expect("welcome", ANSWER_WITHIN), "host")
        seen = tuple(os.open(f"/proc/self/{name}", os.O_PATH) for name in ("root", "cwd", "ns/user"))
        jitd.say({**asks, "uid": uid, "waits": wait > 0}, seen)
        binding = _text(jitd.expect("challenge", ANSWER_WITHIN), "binding")
        proof, because = program.no_proof(uid) or _prove(jitd, uid, program.cache(), host, binding)
        asked_at = _clock()
        jitd.say({"type": "proof", "proof": proof, "because": because})
        try:
            return _await(jitd, program, wait, asked_at)
        except _Left:  # to close is to withdraw as well, but so the record says why
            with suppress(OSError):
                jitd.socket.send(_frame({"type": "withdraw", "id": ""}), AT_ONCE)
            raise


def _prove(jitd: _Channel, uid: int, cache: str | None, host: str, binding: str) -> tuple[str | None, str]:
    """What the helper has wrapped, or None and its sentence."""
    with _Helper(jitd.patience) as helper:
        encoded = _b64(os.fsencode(cache)) if cache else None
        token = helper.answer({"uid": uid, "cache": encoded, "host": host, "binding": binding}, "token")
        if token is None:
            return None, helper.because
        jitd.say({"type": "token", "token": token})
        return helper.answer({"token": _text(jitd.expect("token", ANSWER_WITHIN), "token")}, "proof"), helper.because


def _await(jitd: _Channel, program: _Program, wait: float, asked_at: float) -> object:
    """_GRANTED, once it is; until then the person reads how it stands, and Ctrl-C withdraws. Raises _No."""
    began_at, until = _clock(), FIRST_WORD_WITHIN
    while True:
        heard = jitd.hear(began_at + until)
        if heard is None:
            raise _Left("nobody decided in the time that this program may wait" if until == wait else "jitd does not answer")
        if heard["type"] == "progress":
            until = wait
            for sentence in heard["news"]:
                program.tell(str(sentence))
        elif heard["type"] != "granted" or type(heard["boot_ms"]) is not int or heard["boot_ms"] < int(asked_at * 1000):
            raise _No("jitd sent an unexpected message")
        elif not 0 <= int(_clock() * 1000) - heard["boot_ms"] <= ACT_WITHIN_MS:
            raise _No("it was granted while this program was stopped, which is too long ago: ask again")
        elif any(not judged or _seen_at(path) != judged for path, judged in heard["places"]):  # THREATS P-14
            raise _No("what is to be run is another file than the one that was judged: ask again")
        else:
            return _GRANTED


class _Patience:
    """Waits as long as the person does. What ends a program stays pending until we are done; what it ignores we ignore too."""

    def __enter__(self) -> Self:
        heeded = {number for number in LEAVING if signal.getsignal(number) is not signal.SIG_IGN}
        if signal.getsignal(signal.SIGTSTP) is None:  # sudo would only stop once it is granted, and run the command hours later
            heeded.add(signal.SIGTSTP)
        self._watched = heeded - signal.sigpending()
        self._before = signal.pthread_sigmask(signal.SIG_BLOCK, self._watched)
        return self

    def __exit__(self, *exc: object) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)

    def wait(self, descriptor: int, event: int, until: float) -> bool:
        """Whether ``event`` came before ``until``. Raises _Left when the person leaves."""
        poll = select.poll()
        poll.register(descriptor, event)
        has_come: object = None
        while not has_come and (left := until - _clock()) > 0:
            has_come = poll.poll(int(min(left, LOOK_EVERY) * 1000) + 1)
            if self._watched & signal.sigpending():  # also one that came just before the grant
                raise _Left("withdrawn")
        return bool(has_come)


class _Channel:
    """A stream of frames (PROTOCOL.md section 2) between us and ``name``. Neither end can hold us, or end us with SIGPIPE."""

    def __init__(self, made: _socket.socket, patience: _Patience, name: str) -> None:
        self.socket, self.patience, self._name, self._read = made, patience, name, b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.socket.close()

    def say(self, message: dict[str, Any], descriptors: tuple[int, ...] = ()) -> None:
        """Send it, and ``descriptors``, which are closed. Raises _No, and so where something was said before we asked."""
        rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack("3i", *descriptors))] if descriptors else []
        rest, until = memoryview(_frame(message)), _clock() + ANSWER_WITHIN
        try:
            if self._read:
                raise _No(f"{self._name} sent an unexpected message")
            while rest:
                if not self.patience.wait(self.socket.fileno(), select.POLLOUT, until):
                    raise _No(f"{self._name} does not listen")
                rest, rights = rest[self.socket.sendmsg([rest], rights, AT_ONCE) :], []
        except OSError:
            raise _No(f"{self._name} went away: ask again") from None
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def expect(self, what: str, within: float) -> dict[str, Any]:
        """The next message, which has to be ``what``. Raises _No: a refusal is a no like any other."""
        heard = self.hear(_clock() + within)
        if heard is None or heard["type"] != what:
            raise _No(f"{self._name} {'does not answer' if heard is None else 'sent an unexpected message'}")
        return heard

    def hear(self, until: float) -> dict[str, Any] | None:
        """The next message, or None if none came before ``until``. Raises _No where it is a refusal."""
        while (message := self._whole()) is None:
            if not self.patience.wait(self.socket.fileno(), select.POLLIN, until):
                return None
            data = b""
            with suppress(OSError):
                data = self.socket.recv(65536, _socket.MSG_DONTWAIT)
            if not data:
                raise _No(f"{self._name} went away: ask again")
            self._read += data
        if message["type"] == "refused":
            raise _No(_text(message, "text"))
        return message

    def _whole(self) -> dict[str, Any] | None:
        length = int.from_bytes(self._read[:4], "big")
        if length > FRAME_LIMIT:
            raise _No(f"{self._name} sent too long a message")
        if len(self._read) < 4 + length:
            return None
        body, self._read = self._read[4 : 4 + length], self._read[4 + length :]
        try:
            message = json.loads(body.decode("utf-8"))
        except (ValueError, RecursionError):
            message = None
        if type(message) is not dict or type(message.get("type")) is not str:
            raise _No(f"{self._name} sent a message that cannot be read")
        return message


def _connect(path: str, patience: _Patience) -> _Channel:
    """Connect to jitd, which has to run as root. Raises _No."""
    made = _beside_the_streams(_socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC))
    try:
        made.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDTIMEO, struct.pack("ll", int(ANSWER_WITHIN), 0))  # of connect(2) too
        made.connect(path)
        if struct.unpack("iII", made.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12))[1] != 0:
            raise _No("the process that answers in jitd's place does not run as root")
    except BaseException as fault:
        made.close()
        raise _No(f"jitd cannot be reached ({fault.strerror})") if isinstance(fault, OSError) else fault from None
    return _Channel(made, patience, "jitd")


class _Helper(_Channel):
    """Proves who the person is, whom it becomes before it looks at anything. At most there is no proof: ``because`` says why."""

    def __init__(self, patience: _Patience) -> None:
        self.because, self._until = "", _clock() + PROOF_WITHIN
        ours, theirs = map(_beside_the_streams, _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC))
        super().__init__(ours, patience, "jitd's Kerberos helper")
        streams = [(os.POSIX_SPAWN_OPEN, stream, "/dev/null", os.O_WRONLY, 0) for stream in (1, 2)]
        try:
            self._pid = os.posix_spawn(
                PYTHON, [PYTHON, "-IS", HELPER], {"LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"},
                file_actions=[(os.POSIX_SPAWN_DUP2, theirs.fileno(), 0), *streams],
                setsid=True, setsigmask=[], setsigdef=signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP},
            )  # fmt: skip
            # Its number may be another's as soon as it has ended: where the caller ignores SIGCHLD, nothing keeps it.
            self._process = os.pidfd_open(self._pid)
        except BaseException as fault:
            ours.close()
            raise _No(f"jitd's Kerberos helper cannot be started ({fault})") from None
        finally:
            theirs.close()

    def __exit__(self, *exc: object) -> None:
        super().__exit__()
        poll = select.poll()
        poll.register(self._process, select.POLLIN)
        try:
            with suppress(OSError):  # it has ended, and somebody else has reaped it
                signal.pidfd_send_signal(self._process, signal.SIGKILL)
                if poll.poll(5000):  # one that hangs in the kernel, on a dead file server, is left to it
                    os.waitpid(self._pid, os.WNOHANG)
        finally:
            os.close(self._process)

    def answer(self, words: dict[str, Any], what: str) -> str | None:
        """What it answers to ``words``, a ``what``; None where it has none."""
        try:
            self.say(words)
            return _text(self.expect(what, self._until - _clock()), what)
        except _Left:
            raise
        except _No as no:
            self.because = _printable(str(no))[:400]
            return None


class _Program:
    """The program that we are in. ``is_callers``: it is set-user-id, so its environment, words and directory are the person's."""

    def __init__(self, pamh: Any, stage: str, flags: int) -> None:
        self._pamh, self._stage = pamh, stage
        self.is_callers = os.getuid() != 0
        self.service = self.item("service") or "?"
        self.user = self.item("user") or ""
        # sudo sets PAM_SILENT always, and login for a ~/.hushlogin: a person who waits has to know for whom all the same.
        is_told = not flags & SILENT or self.service.startswith(("sudo", "login"))
        self.is_quiet = self.service not in SERVICES_THAT_SHOW or not is_told

    def item(self, name: str) -> str | None:
        """An item of PAM's, or a VARIABLE of its environment; None where there is none, or it is not text."""
        with suppress(Exception):
            value: str = self._pamh.env[name] if name.isupper() else getattr(self._pamh, name)
            value.encode("utf-8")
            return value or None
        return None

    def encoded(self, name: str) -> str | None:
        """The same, for the wire."""
        value = self.item(name)
        return None if value is None else _b64(value.encode("utf-8")[:4096])

    def uid(self) -> int:
        """The account that acts. Raises _No."""
        if not self.user:
            raise _No("PAM does not say who this is for")
        try:
            return os.getuid() if self.is_callers else pwd.getpwnam(self.user).pw_uid
        except (KeyError, ValueError):
            raise _No("there is no such account here") from None

    def cache(self) -> str | None:
        """The name of that account's credential cache, if it has another than usual."""
        return os.environ.get("KRB5CCNAME") if self.is_callers else self.item("KRB5CCNAME")

    def no_proof(self, uid: int) -> tuple[None, str] | None:
        """Why no ticket counts: in root's own program a ticket that did not come with this login proves nothing about them."""
        if uid == 0:
            return None, ""
        return None if self.is_callers or self.cache() else (None, "no Kerberos ticket came with this login")

    def question(self) -> dict[str, Any]:
        """``enforce`` (PROTOCOL.md section 9), as far as the program determines it."""
        around = os.environ if self.is_callers else {}
        reason = around.get("JITSUDO_REASON", "").encode("utf-8", "replace").decode("utf-8")[:1024]
        cwd, device, inode = b"" if self.is_callers else b"/", 0, 0
        with suppress(OSError):  # it has been removed, or is on a file server that does not know us
            if self.is_callers:
                cwd = os.getcwdb()
                _, inode, device, *_ = os.stat(".")
        return {
            "type": "enforce", "service": self.service, "stage": self._stage, "user": self.user, "ruser": self.item("ruser"),
            "rhost": self.encoded("rhost"), "tty": self.encoded("tty"), "login_session": self._login_session(),
            "authenticated": self.encoded("SSH_AUTH_INFO_0"),
            "words": self._words() if self.is_callers else [], "posix": "POSIXLY_CORRECT" in around,
            "search_path": _b64(os.fsencode(around.get("PATH", ""))), "shell": _b64(os.fsencode(around.get("SHELL", ""))),
            "cwd": _b64(cwd), "cwd_device": device, "cwd_inode": inode, "reason": reason or None,
        }  # fmt: skip

    def _words(self) -> list[str]:
        """The words of this set-user-id program's command line, which nobody else changes: each goes from its pointer to the next
        (execve(2)), since sudo puts NUL bytes into some, and su sorts the pointers. None where that cannot be read: in doubt.
        """
        with open("/proc/self/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        stack, begin, end = int(fields[25]), int(fields[45]), int(fields[46])  # startstack, arg_start, arg_end of proc(5)
        if end - begin > MOST_WORDS:
            raise _No("the command is too long to be shown to anybody")
        with open("/proc/self/mem", "rb", buffering=0) as memory:
            count = int.from_bytes(os.pread(memory.fileno(), 8, stack), sys.byteorder)
            pointers = os.pread(memory.fileno(), 8 * min(count, MOST_WORDS), stack + 8)
            data = os.pread(memory.fileno(), end - begin, begin)
        starts = sorted(struct.unpack(f"{len(pointers) // 8}Q", pointers))
        if len(data) != end - begin or len(set(starts)) != count or starts[:1] != [begin] or starts[-1] >= end:
            return []
        return [_b64(data[one - begin : other - begin - 1]) for one, other in zip(starts, [*starts[1:], end], strict=True)]

    def _login_session(self) -> int:
        """The kernel's audit session, else the session leader's number, as jitsudo has it."""
        with suppress(OSError, ValueError), open("/proc/self/sessionid", "rb") as file:
            if 0 < (session := int(file.read(32))) < 2**32 - 1:
                return session
        return os.getsid(0)

    def tell(self, sentence: str) -> None:
        """Have the person read it, on a line of its own, as far as the program shows it at all. Never fails."""
        if self.is_quiet:
            return
        text = f"jitd: {_printable(sentence)}".encode("utf-8", "replace")[:MOST_SHOWN].decode("utf-8", "ignore")
        with suppress(Exception):  # one that answers nonsense: nothing depends on it
            # Never an information: sudo and su write it to standard output, and in `session` su's answer makes pam_python crash.
            self._pamh.conversation(self._pamh.Message(self._pamh.PAM_ERROR_MSG, text))


def _seen_at(path: str) -> str:
    """Device and inode of what this program sees at ``path`` now, both as on the wire. Nothing where it sees none."""
    with suppress(OSError):
        status = os.lstat(binascii.a2b_base64(path))
        return _b64(b"%d:%d" % (status.st_dev, status.st_ino))
    return ""


def _refuse_others_files() -> None:
    """A module, helper or interpreter that somebody else can change is not ours (THREATS P-11)."""
    for file in (__file__, HELPER, PYTHON):
        place, below = os.path.realpath(file), ""
        while place != below:  # up to the root directory
            status = os.stat(place)
            if status.st_uid != 0 or status.st_mode & 0o022:
                raise _No(f"{place} can be changed by others than root")
            place, below = os.path.dirname(place), place


def _clock() -> float:
    """Seconds on CLOCK_BOOTTIME, which goes on while the host sleeps or this process is stopped, and which nobody sets."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _log(sentence: str) -> None:
    """To the system's log, but not by syslog(3), which changes how the program itself writes there, and can hang. Never fails."""
    with suppress(Exception):
        log = _beside_the_streams(_socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC))
        try:
            line = f"<85>pam_jit[{os.getpid()}]: {_printable(sentence)[:900]}"  # 85: authpriv, notice
            log.sendto(line.encode("utf-8", "replace"), AT_ONCE, "/dev/log")
        finally:
            log.close()


def _beside_the_streams(made: _socket.socket) -> _socket.socket:
    """``made`` with a number above 2: where those are closed, what the program writes to them would reach jitd."""
    if made.fileno() > 2:
        return made
    moved = _socket.socket(fileno=fcntl.fcntl(made.fileno(), fcntl.F_DUPFD_CLOEXEC, 3))
    made.close()
    return moved


def _frame(message: dict[str, Any]) -> bytes:
    body = json.dumps(message, separators=(",", ":")).encode("ascii")
    return len(body).to_bytes(4, "big") + body


def _text(message: dict[str, Any], name: str) -> str:
    if type(value := message.get(name)) is not str:
        raise _No("the message cannot be read")
    return value


def _printable(text: str) -> str:
    """``text`` on one line, of letters that a terminal shows: what jitd says was made so already."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _b64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode("ascii")
