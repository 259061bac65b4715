# SPDX-License-Identifier: Apache-2.0
"""The PAM module, for pam_python.so. This module asks jitd whether the calling program may continue (docs/pam.md, jitd(8)).

Law: standard library only, no thread, no state between calls. Every return value goes through ``_entry``. ``_entry`` returns
SUCCESS only if jitd, running as root, has just sent ``granted`` on our own connection. Any other message or failure is a refusal.
"""

from __future__ import annotations

# ruff: noqa: E402
import sys

# THREATS P-11. sys.path is set anew: without PATH (as in sshd's child and getty's login) Python uses / as its prefix.
sys.path[:] = [f"/usr/lib/python3.{sys.version_info[1]}{more}" for more in ("", "/lib-dynload")]

import _socket  # importing `socket` would cost each transaction 2 ms and much memory
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

# pam_end(3) unloads pam_python.so, and libpython with it unless an extension module in a file of its own needs it. To unload
# Python 3.13 costs 3 MB and a pthread key each time: a program crashes when it has none left (docs/platforms.md).
with suppress(ImportError):
    import termios  # noqa: F401

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self

SOCKET, INITIATOR, PYTHON = "/run/jitd/jitd.sock", "/usr/lib/jitd/prove", "/usr/bin/python3"
SERVICES_THAT_CANNOT_WAIT = ("sshd", "cron", "crond")  # a waiting sshd counts against MaxStartups; with cron nobody waits
# Messages were tested only in these. In others the conversation may be missing (cron, at) or return nothing: pam_python crashes.
SERVICES_THAT_SHOW = ("sudo", "sudo-i", "su", "su-l", "doas", "login", "sshd")
ANSWER_WITHIN = 5.0  # seconds for each answer of jitd, except the decision
PROOF_WITHIN = 8.0  # seconds for the whole proof; if the KDC does not answer, it takes 3 of them
FIRST_WORD_WITHIN = 15.0  # seconds until jitd's first message about the request; before it, jitd reads files and asks a KDC
SLOW_WITHIN = 60.0  # maximum seconds that jitd may add to this once for a slow directory; sshd ends a login after 120 s
DECIDED_WITHIN = 24 * 3600  # seconds to wait if the stack sets no limit; a request expires long before that
READABLE_FOR = 2.0  # seconds that a refusal stays on a console before getty clears it
LOOK_EVERY = 0.2  # seconds between two checks for Ctrl-C
ACT_WITHIN_MS = 10_000  # maximum age of a verdict, so that nobody can stop this program and use the verdict later
FRAME_LIMIT = 256 * 1024  # maximum bytes of one message to us; the longest, a token, has half of this
MOST_SHOWN, MOST_WORDS = 500, 3 * 1024 * 1024  # maximum bytes of a message to the user (PAM_MAX_MSG_SIZE: 512); of a command
SUCCESS, DENIED, IGNORE, SILENT = 0, 6, 25, 0x8000  # of pam(3); this module returns only the first three
LEAVING = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
AUTH, ACCOUNT, SESSION = STAGES = "auth", "account", "session"
AT_ONCE = _socket.MSG_NOSIGNAL | _socket.MSG_DONTWAIT


class _No(Exception):
    """The program must not continue. The text of this error is for the user."""


class _Left(_No):
    """The program must not continue, because the user has stopped waiting."""


_GRANTED = object()  # returned by each function if jitd granted the request; no message can contain this object


def _entry(stage: str) -> Callable[[Any, int, list[str]], int]:
    """Return the module's function for ``stage``. That function returns only SUCCESS or DENIED, and raises nothing."""

    def entry(pamh: Any, flags: int, argv: list[str]) -> int:
        try:
            return SUCCESS if _decide(pamh, flags, argv, stage) is _GRANTED else DENIED
        except BaseException:  # also SystemExit and KeyboardInterrupt, for which pam_python would choose a status itself
            return DENIED

    return entry


def pam_sm_setcred(pamh: Any, flags: int, argv: list[str]) -> int:
    """Return IGNORE: this module sets no credentials, and jitd itself detects the end of a session."""
    return IGNORE


def pam_sm_chauthtok(pamh: Any, flags: int, argv: list[str]) -> int:
    """Return DENIED, because this module changes no passwords. A stack that uses this module for passwords is wrong."""
    return DENIED


pam_sm_authenticate, pam_sm_acct_mgmt, pam_sm_open_session = map(_entry, STAGES)
pam_sm_close_session = pam_sm_setcred


def _decide(pamh: Any, flags: int, argv: list[str], stage: str) -> object:
    """Ask jitd. Return _GRANTED. After a refusal, tell the user and the log the reason, and return None."""
    program = _Program(pamh, stage, flags)
    try:
        options = _options(argv)
        program.is_quiet |= "quiet" in options
        if options.get("stage", stage) != stage:
            raise _No(f"this line of the PAM stack is for {stage}, but says stage={options['stage']}: correct the line")
        _refuse_others_files()
        if program.service == "login":
            signal.alarm(0)  # cancels LOGIN_TIMEOUT, which `login -f` leaves running until PAM has finished
        with _Patience({signal.SIGINT} if program.service == "login" else set()) as patience:
            verdict = _ask(program, options, patience)
        if verdict is _GRANTED and program.item("user") != program.user:  # THREATS P-08
            raise _No("PAM now names another account than when jitd was asked")
        if verdict is _GRANTED and "debug" in options:
            _log(f"{program.service}: granted to {program.user}")
        return verdict
    except _No as no:
        because = told = str(no)
        if stage == AUTH and not program.is_callers:
            told = "denied"  # an unknown peer must learn nothing, not even which accounts exist (THREATS P-13)
    except Exception as fault:
        because, told = f"internal error: {type(fault).__name__}: {fault}", "asking jitd failed; the system's log says why"
    program.tell(told)
    _log(f"{program.service}: refused: {because}")
    time.sleep(READABLE_FOR if program.service == "login" else 0)
    return None


def _options(argv: list[str]) -> dict[str, str]:
    """Read the arguments of the module's line in the stack. Raises _No for an unknown argument."""
    found = {}
    for word in argv[1:]:
        name, _, value = word.partition("=")
        is_known = {
            "quiet": word == "quiet",
            "debug": word == "debug",
            "socket": value.startswith("/"),
            "stage": value in STAGES,
            "wait": value.isascii() and value.isdigit() and len(value) <= 6,
        }
        if not is_known.get(name):
            raise _No(f"pam_jit does not know the argument {_printable(word)}")
        found[name] = value
    return found


def _ask(program: _Program, options: dict[str, str], patience: _Patience) -> object:
    """Ask jitd. Return _GRANTED if jitd grants the request. Raises _No."""
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
            verdict = _await(jitd, program, wait, asked_at)
        except _Left:  # closing the connection would withdraw the request, too, but this way the record gives the reason
            with suppress(OSError):
                jitd.socket.send(_frame({"type": "withdraw", "id": ""}), AT_ONCE)
            raise
    if asks["cwd_inode"] and _b64(_where()) != asks["cwd"]:  # THREATS P-14
        raise _No("the working directory was moved since this was asked for: ask again")
    return verdict


def _prove(jitd: _Channel, uid: int, cache: str | None, host: str, binding: str) -> tuple[str | None, str]:
    """Return the initiator's proof and an empty string. Without a proof, return None and the initiator's sentence. Raises _No."""
    with _Initiator(jitd.patience) as initiator:
        encoded = _b64(os.fsencode(cache)) if cache else None
        token = initiator.answer({"uid": uid, "cache": encoded, "host": host, "binding": binding}, "token")
        if token is None:
            return None, initiator.because
        jitd.say({"type": "token", "token": token})
        return initiator.answer({"token": _text(jitd.expect("token", ANSWER_WITHIN), "token")}, "proof"), initiator.because


def _await(jitd: _Channel, program: _Program, wait: float, asked_at: float) -> object:
    """Return _GRANTED when jitd grants the request. Meanwhile show jitd's news. Raises _No, and _Left after Ctrl-C."""
    until, is_slow, is_waiting = _clock() + FIRST_WORD_WITHIN, False, False
    while True:
        heard = jitd.hear(until)
        if heard is None:
            raise _Left("nobody decided in the time that this program may wait" if is_waiting else "jitd does not answer")
        if heard["type"] == "slow":
            if not (is_slow or is_waiting):  # jitd says it for each look-up, and the time is for all of them
                until = _clock() + min(int(heard["left_ms"]) / 1000, SLOW_WITHIN) + FIRST_WORD_WITHIN
                program.tell("the directory of accounts is slow; waiting")
            is_slow = True
        elif heard["type"] == "progress":
            until, is_waiting = until if is_waiting else _clock() + wait, True
            for sentence in heard["news"]:
                program.tell(str(sentence))
        elif heard["type"] != "granted" or type(heard["boot_ms"]) is not int or heard["boot_ms"] < int(asked_at * 1000):
            raise _No("jitd sent an unexpected message")
        elif not 0 <= int(_clock() * 1000) - heard["boot_ms"] <= ACT_WITHIN_MS:
            raise _No("jitd granted this too long ago, while this program was stopped: ask again")
        elif any(not judged or _seen_at(path) != judged for path, judged in heard["places"]):  # THREATS P-14
            raise _No("the file that would run is not the one that jitd has checked: ask again")
        else:
            return _GRANTED


class _Patience:
    """Waits, and stops waiting after Ctrl-C. Signals that would end the program stay pending. Ignored signals have no effect, but
    for those in ``always``: login of util-linux itself ignores Ctrl-C until PAM has finished (login.c, ``initialize``). Linux
    keeps a blocked signal pending even if it is ignored, and drops it when it is unblocked.
    """

    def __init__(self, always: set[signal.Signals]) -> None:
        self._always = always

    def __enter__(self) -> Self:
        heeded = {number for number in LEAVING if number in self._always or signal.getsignal(number) is not signal.SIG_IGN}
        if signal.getsignal(signal.SIGTSTP) is None:  # sudo would stop only after the grant, and run the command hours later
            heeded.add(signal.SIGTSTP)
        self._watched = heeded - signal.sigpending()
        self._before = signal.pthread_sigmask(signal.SIG_BLOCK, self._watched)
        return self

    def __exit__(self, *exc: object) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)

    def wait(self, descriptor: int, event: int, until: float) -> bool:
        """Wait for ``event``. Return True if it came before ``until`` (of ``_clock``). Raises _Left if the user gives up."""
        poll = select.poll()
        poll.register(descriptor, event)
        has_come: object = None
        while not has_come and (left := until - _clock()) > 0:
            has_come = poll.poll(int(min(left, LOOK_EVERY) * 1000) + 1)
            if self._watched & signal.sigpending():  # this also catches a signal that came just before the grant
                raise _Left("withdrawn")
        return bool(has_come)


class _Channel:
    """A stream of frames (PROTOCOL.md section 2) to the peer ``name``. The peer cannot block us, or end us by SIGPIPE."""

    def __init__(self, made: _socket.socket, patience: _Patience, name: str) -> None:
        self.socket, self.patience, self._name, self._read = made, patience, name, b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.socket.close()

    def say(self, message: dict[str, Any], descriptors: tuple[int, ...] = ()) -> None:
        """Send ``message`` with ``descriptors``, then close the descriptors. Raises _No, also if a message is still unread."""
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
            self.hear(until)  # it may have refused before we had spoken
            raise _No(f"{self._name} went away: ask again") from None
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def expect(self, what: str, within: float) -> dict[str, Any]:
        """Return the next message, which must be of type ``what``. Raises _No for another type, and after ``within`` seconds."""
        heard = self.hear(_clock() + within)
        if heard is None or heard["type"] != what:
            raise _No(f"{self._name} {'does not answer' if heard is None else 'sent an unexpected message'}")
        return heard

    def hear(self, until: float) -> dict[str, Any] | None:
        """Return the next message, or None if none came before ``until`` (seconds of ``_clock``). Raises _No for a refusal."""
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
    """Connect to jitd. Raises _No, for example if the listening process does not run as root."""
    made = _beside_the_streams(_socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC))
    try:
        made.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDTIMEO, struct.pack("ll", int(ANSWER_WITHIN), 0))  # for connect(2) too
        made.connect(path)
        if struct.unpack("iII", made.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12))[1] != 0:
            raise _No("the process that answers in jitd's place does not run as root")
    except BaseException as fault:
        made.close()
        raise _No(f"jitd cannot be reached ({fault.strerror})") if isinstance(fault, OSError) else fault from None
    return _Channel(made, patience, "jitd")


class _Initiator(_Channel):
    """A process with only the user's rights, which proves who the user is. If it has no proof, ``because`` is the reason."""

    def __init__(self, patience: _Patience) -> None:
        self.because, self._until = "", _clock() + PROOF_WITHIN
        ours, theirs = map(_beside_the_streams, _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC))
        super().__init__(ours, patience, "jitd's Kerberos initiator")
        streams = [(os.POSIX_SPAWN_OPEN, stream, "/dev/null", os.O_WRONLY, 0) for stream in (1, 2)]
        try:
            self._pid = os.posix_spawn(
                INITIATOR,
                [INITIATOR],
                {},
                file_actions=[(os.POSIX_SPAWN_DUP2, theirs.fileno(), 0), *streams],
                setsid=True,
                setsigmask=[],
                setsigdef=signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP},
            )
            # If the caller ignores SIGCHLD, another process may get the initiator's process id as soon as it has ended. The user
            # may stop us before we have the descriptor, so it counts only if it is of a child of ours (THREATS P-19).
            self._process = os.pidfd_open(self._pid)
            try:
                os.waitid(os.P_PIDFD, self._process, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except BaseException:
                os.close(self._process)
                raise
        except BaseException as fault:
            ours.close()
            raise _No(f"jitd's Kerberos initiator cannot be started ({fault})") from None
        finally:
            theirs.close()

    def __exit__(self, *exc: object) -> None:
        super().__exit__()
        poll = select.poll()
        poll.register(self._process, select.POLLIN)
        try:
            with suppress(OSError):  # the initiator has ended and was reaped elsewhere
                signal.pidfd_send_signal(self._process, signal.SIGKILL)
                if poll.poll(5000):  # do not wait longer: an initiator may hang in the kernel, for example on a dead file server
                    os.waitpid(self._pid, os.WNOHANG)
        finally:
            os.close(self._process)

    def answer(self, words: dict[str, Any], what: str) -> str | None:
        """Send ``words``. The answer must be of the type ``what``. Return its field ``what``, or None without such an answer."""
        try:
            self.say(words)
            return _text(self.expect(what, self._until - _clock()), what)
        except _Left:
            raise
        except _No as no:
            self.because = _printable(str(no))[:400]
            return None


class _Program:
    """The program that uses PAM. ``is_callers``: True if the user controls its environment, words and directory (set-user-id)."""

    def __init__(self, pamh: Any, stage: str, flags: int) -> None:
        self._pamh, self._stage = pamh, stage
        self.is_callers = os.getuid() != 0
        self.service = self.item("service") or "?"
        self.user = self.item("user") or ""
        # sudo always sets PAM_SILENT, and login sets it for a ~/.hushlogin. But a user who has to wait must be told about it.
        is_told = not flags & SILENT or self.service.startswith(("sudo", "login"))
        self.is_quiet = self.service not in SERVICES_THAT_SHOW or not is_told

    def item(self, name: str) -> str | None:
        """Return PAM's item ``name``, or its variable if ``name`` is in capitals. Return None if it is not set or not UTF-8."""
        with suppress(Exception):
            value: str = self._pamh.env[name] if name.isupper() else getattr(self._pamh, name)
            value.encode("utf-8")
            return value or None
        return None

    def encoded(self, name: str) -> str | None:
        """Return the value of ``item(name)`` in base64, for a message. Only the first 4096 bytes of the value are used."""
        value = self.item(name)
        return None if value is None else _b64(value.encode("utf-8")[:4096])

    def uid(self) -> int:
        """Return the uid of the account that makes the request. Raises _No."""
        if not self.user:
            raise _No("PAM does not say for which account this is")
        try:
            return os.getuid() if self.is_callers else pwd.getpwnam(self.user).pw_uid
        except (KeyError, ValueError):
            raise _No("there is no such account here") from None

    def cache(self) -> str | None:
        """Return the name of the account's credential cache, from KRB5CCNAME. Return None if the variable is not set."""
        return os.environ.get("KRB5CCNAME") if self.is_callers else self.item("KRB5CCNAME")

    def no_proof(self, uid: int) -> tuple[None, str] | None:
        """Return None and the reason if no proof is possible. At a login, the only proof is a ticket that came with the login."""
        if uid == 0:
            return None, ""
        return None if self.is_callers or self.cache() else (None, "no Kerberos ticket came with this login")

    def question(self) -> dict[str, Any]:
        """Return the fields of ``enforce`` (PROTOCOL.md section 9) that come from the program."""
        around = os.environ if self.is_callers else {}
        reason = around.get("JITSUDO_REASON", "").encode("utf-8", "replace").decode("utf-8")[:1024]
        cwd, device, inode = b"" if self.is_callers else b"/", 0, 0
        with suppress(OSError):  # the directory was removed, or is on a file server that refuses root
            if self.is_callers:
                cwd = os.getcwdb()
                _, inode, device, *_ = os.stat(".")
        return {
            "type": "enforce",
            "service": self.service,
            "stage": self._stage,
            "user": self.user,
            "ruser": self.item("ruser"),
            "rhost": self.encoded("rhost"),
            "tty": self.encoded("tty"),
            "login_session": self._login_session(),
            "authenticated": self.encoded("SSH_AUTH_INFO_0"),
            "words": self._words() if self.is_callers else [],
            "posix": "POSIXLY_CORRECT" in around,
            "search_path": _b64(self._path() if self.is_callers else b""),
            "shell": _b64(os.fsencode(around.get("SHELL", ""))),
            "cwd": _b64(cwd),
            "cwd_device": device,
            "cwd_inode": inode,
            "reason": reason or None,
        }

    def _path(self) -> bytes:
        """Return PATH as the program itself reads it. sudo's own getenv returns ``secure_path`` of sudoers in place of the
        caller's PATH, which is still in ``os.environ``. sudo-rs keeps the caller's PATH.
        """
        if not self.service.startswith("sudo"):
            return os.fsencode(os.environ.get("PATH", ""))
        import ctypes  # here, because only sudo needs it, and it takes 2 ms

        getenv = ctypes.CDLL(None).getenv  # of the program, if it has one, otherwise of libc
        getenv.argtypes, getenv.restype = (ctypes.c_char_p,), ctypes.c_char_p
        path: bytes | None = getenv(b"PATH")
        return path or b""

    def _words(self) -> list[str]:
        """Return the words of this program's command line. Words of sudo may contain NULs, so the kernel's pointers to the words
        (execve(2)) are used. They are sorted, since su reorders them. If this fails, return [], which jitd does not trust.
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
        """Return the kernel's audit session id. If it is not set, return the session leader's process id, as jitsudo does."""
        with suppress(OSError, ValueError), open("/proc/self/sessionid", "rb") as file:
            if 0 < (session := int(file.read(32))) < 2**32 - 1:
                return session
        return os.getsid(0)

    def tell(self, sentence: str) -> None:
        """Show ``sentence`` to the user, on its own line, if the program shows messages. Raises nothing."""
        if self.is_quiet:
            return
        text = f"jitd: {_printable(sentence)}".encode("utf-8", "replace")[:MOST_SHOWN].decode("utf-8", "ignore")
        with suppress(Exception):  # the program may give any answer, because nothing depends on it
            # Never PAM_TEXT_INFO: sudo and su write that to standard output, and in `session` su's answer makes pam_python crash.
            self._pamh.conversation(self._pamh.Message(self._pamh.PAM_ERROR_MSG, text))


def _where() -> bytes:
    """Return the path of the working directory, or an empty one if it has none any more."""
    with suppress(OSError):
        return os.getcwdb()
    return b""


def _seen_at(path: str) -> str:
    """Return the device and inode (as on the wire) of the file that this program sees at ``path``, or "" if there is none."""
    with suppress(OSError):
        status = os.lstat(binascii.a2b_base64(path))
        return _b64(b"%d:%d" % (status.st_dev, status.st_ino))
    return ""


def _refuse_others_files() -> None:
    """Raise _No if this module, the initiator or the interpreter is missing, or others than root can change it (THREATS P-11)."""
    for file in (__file__, INITIATOR, PYTHON):
        place, below = os.path.realpath(file), ""
        while place != below:  # up to the root directory
            try:
                status = os.stat(place)
            except FileNotFoundError:
                raise _No(f"{place} is missing: tell an administrator of this host") from None
            if status.st_uid != 0 or status.st_mode & 0o022:
                raise _No(f"{place} can be changed by others than root")
            place, below = os.path.dirname(place), place


def _clock() -> float:
    """Return the seconds of CLOCK_BOOTTIME. Nobody can set it, and it runs while the host sleeps or this process is stopped."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _log(sentence: str) -> None:
    """Write to the system's log. Raises nothing. Unlike syslog(3), this cannot hang or change the program's log settings."""
    with suppress(Exception):
        log = _beside_the_streams(_socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC))
        try:
            line = f"<85>pam_jit[{os.getpid()}]: {_printable(sentence)[:900]}"  # 85: authpriv, notice
            log.sendto(line.encode("utf-8", "replace"), AT_ONCE, "/dev/log")
        finally:
            log.close()


def _beside_the_streams(made: _socket.socket) -> _socket.socket:
    """Move the socket ``made`` to a descriptor above 2. With a descriptor from 0 to 2, it could get the program's own output."""
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
    """Return ``text`` on one line, with ``?`` for each character that is not printable. jitd's sentences are printable."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _b64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode("ascii")
