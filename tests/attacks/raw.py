# SPDX-License-Identifier: Apache-2.0
"""A client that may say anything: frames, hellos, tokens and seals made one by one, so that each can be made wrong.

Law: nothing in here is shared with ``jitpam.client``; what the daemon answers is read by the wire's own rules. Runs as root in
the lab and connects as whoever it is told to be: the kernel reports the effective uid of the moment of connect.
"""

from __future__ import annotations

import array
import ctypes
import json
import os
import pwd
import select
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import gssapi
from gssapi.raw import ChannelBindings

from jitpam.wire import messages
from jitpam.wire.coding import decode, encode
from jitpam.wire.framing import LIMIT, FrameReader, frame
from jitpam.wire.messages import FROM_DAEMON, Message
from tests.narrow import type_of

T = TypeVar("T")
REALM = "EXAMPLE.TEST"
SERVICE = f"jitd/lab.example.test@{REALM}"
KRB5 = gssapi.MechType.kerberos
Flag = gssapi.RequirementFlag
FLAGS = (
    Flag.mutual_authentication,
    Flag.integrity,
    Flag.confidentiality,
    Flag.replay_detection,
    Flag.out_of_sequence_detection,
)
HOST_KEYTAB = Path("/etc/jitd/jitd.keytab")
CACHES = Path("/run/tickets")
"""Kept for all files of tests."""
SYS_SETRESUID = {"x86_64": 117, "aarch64": 147, "riscv64": 147, "ppc64le": 164}
_libc = ctypes.CDLL(None, use_errno=True)
WITHIN = 60.0
"""Seconds in which any answer is here."""
OF_A_POINT = (messages.Enforce, messages.EnforceCommand, messages.Token, messages.Proof, messages.Withdraw)
LIVES = (6, 12, 24)
"""Seconds that a ticket lives which is to end in the middle of something: one after the other, until one is long enough."""


def uid_of(who: str) -> int:
    return 0 if who == "root" else pwd.getpwnam(who).pw_uid


def kinit(cache: Path, principal: str, password: str, *flags: str) -> Path:
    """A fresh ticket for ``principal`` in ``cache``."""
    cache.parent.mkdir(mode=0o755, exist_ok=True)
    line = ["kinit", *flags, "-c", f"FILE:{cache}", principal]
    done = subprocess.run(line, input=f"{password}\n", text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return cache


def kadmin(*words: str) -> str:
    """``kadmin.local words``; what it said."""
    done = subprocess.run(["kadmin.local", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def principal(name: str, password: str) -> str:
    """The principal ``name`` (as ``kadmin`` spells it), made anew: other tests of the same lab may have had one."""
    full = f"{name}@{REALM}"
    subprocess.run(["kadmin.local", "delprinc", "-force", full], capture_output=True, check=False)
    kadmin("addprinc", "-pw", password, full)
    return full


_credentials: dict[tuple[str, int], gssapi.Credentials] = {}


def ticket_of(who: str) -> gssapi.Credentials:
    """The credentials of one of the lab's people, made once for each keytab of jitd: who has a ticket for a key that another file
    of tests has renewed is refused.
    """
    made = (who, HOST_KEYTAB.stat().st_mtime_ns)
    if made not in _credentials:
        _credentials[made] = credentials(kinit(CACHES / who, f"{who}@{REALM}", who * 2))
    return _credentials[made]


def credentials(cache: Path) -> gssapi.Credentials:
    return gssapi.Credentials(usage="initiate", store={"ccache": f"FILE:{cache}"})


def in_its_life(who: str, begin: Callable[[gssapi.Credentials], T]) -> T:
    """What ``begin`` does with a ticket of ``who`` that ends soon. On a busy host the ticket may have ended before that is done:
    then another one lives longer. Raises what ``begin`` raises with a ticket that has not ended.
    """
    for seconds in LIVES:
        ends_at = time.time() + seconds
        ticket = credentials(kinit(CACHES / f"{who}-for-{seconds}", f"{who}@{REALM}", who * 2, "-l", f"{seconds}s"))
        try:
            return begin(ticket)
        except (AssertionError, gssapi.exceptions.GSSError):
            if seconds == LIVES[-1] or time.time() < ends_at - 2:  # a KDC's times are whole seconds
                raise
    raise AssertionError


def initiator(
    ticket: gssapi.Credentials,
    channel: bytes | None,
    *,
    service: str = SERVICE,
    flags: tuple[Flag, ...] = FLAGS,
    mech: gssapi.OID = KRB5,
) -> gssapi.SecurityContext:
    """A context that is bound to ``channel``, or to nothing."""
    bindings = None if channel is None else ChannelBindings(application_data=channel)
    name = gssapi.Name(service, gssapi.NameType.kerberos_principal)
    return gssapi.SecurityContext(
        name=name, creds=ticket, mech=mech, usage="initiate", channel_bindings=bindings, flags=sum(flags)
    )


def channel_of(*hellos: bytes) -> bytes:
    """The binding of PROTOCOL.md section 3, by its words and not by jitpam's code."""
    from hashlib import sha256

    return sha256(b"jitd channel 1\n" + b"".join(len(hello).to_bytes(4, "big") + hello for hello in hellos)).digest()


VIEW = ("/proc/self/root", "/proc/self/cwd", "/proc/self/ns/user")
"""What an enforcement point passes with its question."""


@contextmanager
def acting_as(uid: int) -> Iterator[None]:
    """This thread has that effective uid, and the others keep theirs.

    ``os.seteuid`` changes all threads of a process (nptl(7)). Where two do so at once, the second is not root any more, and is
    refused (EPERM). Raises OSError.
    """
    _set_euid(uid)
    try:
        yield
    finally:
        _set_euid(0)


def _set_euid(uid: int) -> None:
    if _libc.syscall(SYS_SETRESUID[os.uname().machine], -1, uid, -1):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


class Raw:
    """One connection to a daemon, made by the account ``uid``."""

    def __init__(self, house: Any, uid: int = 0) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self._is_root = uid == 0
        self._is_point = False  # while it says only what a point says: what it hears then is narrow (tests/narrow.py)
        self.context: gssapi.SecurityContext | None = None
        self.descriptors: list[int] = []
        self._frames = FrameReader(LIMIT)
        self._poll = select.poll()
        self._poll.register(self.socket, select.POLLIN)
        with acting_as(uid):
            self.socket.connect(str(house.socket))

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors.clear()

    # --- bytes and frames ---------------------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """``data`` as it is. A daemon that has hung up is no fault here."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(data)

    def send_descriptors(self, data: bytes, descriptors: list[int]) -> None:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
        with suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendmsg([data], rights)

    def seal(self, body: bytes, *, encrypt: bool = True) -> bytes:
        return body if self.context is None else self.context.wrap(body, encrypt).message

    def say(self, message: Message) -> None:
        self._is_point = self._is_point and isinstance(message, OF_A_POINT)
        if isinstance(message, messages.Enforce | messages.EnforceCommand) and self._is_root:
            return self.enforce(message, *VIEW)
        self.send(frame(self.seal(encode(message))))

    def enforce(self, message: Message, *passed: str) -> None:
        """Say it, and pass what is at these paths."""
        self._is_point = self._is_root
        descriptors = [os.open(path, os.O_PATH | os.O_CLOEXEC) for path in passed]
        self.send_descriptors(frame(self.seal(encode(message))), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)

    def hear_body(self, within: float = WITHIN) -> bytes | None:
        """The next frame's body as it came, or None if the daemon hung up."""
        until = time.monotonic() + within
        while (body := self._frames.next_frame()) is None:
            left = until - time.monotonic()
            assert left > 0 and self._poll.poll(left * 1000), f"no answer within {within} s"
            try:
                data, ancillary, _, _ = self.socket.recvmsg(1 << 16, socket.CMSG_SPACE(64), socket.MSG_CMSG_CLOEXEC)
            except ConnectionResetError:
                return None
            for _, _, rights in ancillary:
                self.descriptors += array.array("i", rights)
            if not data:
                return None
            self._frames.feed(data)
        if self._is_point:
            type_of(body)
        return body

    def hear(self, within: float = WITHIN, *, slow: bool = False) -> Message | None:
        """The next message, or None if the daemon hung up. What it says while a directory or a busy host is slow is heard only if
        ``slow`` is true.
        """
        until = time.monotonic() + within
        while (body := self.hear_body(until - time.monotonic())) is not None:
            if self.context is not None:
                body = self.context.unwrap(body).message
            heard = decode(body, FROM_DAEMON)
            if slow or not isinstance(heard, messages.Slow):
                return heard
        return None

    def has_something(self) -> bool:
        """True if there is something to hear."""
        return bool(self._poll.poll(0))

    def is_refused(self) -> bool:
        """True if the daemon refuses the connection, with one sentence, and hangs up."""
        body = self.hear_body()
        told = None if body is None else decode(body, FROM_DAEMON)
        return isinstance(told, messages.Refused) and "too many connections" in told.text and self.hear_body() is None

    def is_closed(self, within: float = WITHIN) -> bool:
        """True if the daemon hangs up; what it says before is not looked at."""
        while self.hear_body(within) is not None:
            pass
        return True

    # --- the handshake ------------------------------------------------------------------------------------------------

    def greet(self, authentication: str = "krb5") -> bytes:
        """Both hellos; the channel that they make."""
        ours = encode(messages.Hello(version=messages.VERSION, authentication=authentication, nonce=os.urandom(32)))
        self.send(frame(ours))
        theirs = self.hear_body()
        assert theirs is not None
        assert isinstance(decode(theirs, FROM_DAEMON), messages.DaemonHello)
        self.hellos = (ours, theirs)
        return channel_of(ours, theirs)

    def offer(self, token: bytes) -> Message | None:
        """What the daemon answers to ``token``."""
        self.say(messages.Token(token=token))
        return self.hear()

    def sign_in(self, ticket: gssapi.Credentials | None) -> messages.Welcome:
        """The whole handshake, as it should be; without a ticket as root."""
        if ticket is None:
            self.greet("root")
        else:
            context = initiator(ticket, self.greet())
            answer = self.offer(bytes(context.step() or b""))
            assert isinstance(answer, messages.DaemonToken), answer
            context.step(answer.token)
            assert context.complete
            self.context = context
        welcome = self.hear()
        assert isinstance(welcome, messages.Welcome), welcome
        return welcome

    # --- asking -------------------------------------------------------------------------------------------------------

    def ask(self, message: Message, within: float = WITHIN) -> list[Message]:
        """All that is said until Done, Refused or Start; with None at its end if the daemon hangs up instead."""
        self.say(message)
        heard = []
        while True:
            heard.append(self.hear(within))
            if heard[-1] is None or heard[-1].type in ("done", "refused", "start"):
                return heard

    def refusal(self, message: Message) -> tuple[str, str]:
        """The code and the text with which ``message`` is refused."""
        last = self.ask(message)[-1]
        assert isinstance(last, messages.Refused), last
        return last.code, last.text

    def rows(self, message: Message) -> list[dict[str, Any]]:
        *items, last = self.ask(message)
        assert isinstance(last, messages.Done), last
        return [item.row for item in items]

    def submit(self, *argv: bytes | str, **changes: Any) -> str:
        """Ask for ``argv`` and be told that it waits: its id."""
        self.say(submission(*argv, **changes))
        heard = self.hear()
        assert isinstance(heard, messages.Progress), heard
        if not changes.get("waits", True):
            assert isinstance(self.hear(), messages.Done)
        return str(heard.id)


def asked(*argv: bytes | str, **changes: Any) -> dict[str, Any]:
    """What is asked, with nothing special about it: ``argv`` in the root directory, streams that lead nowhere."""
    root = os.stat("/")
    plain: dict[str, Any] = {
        "service": "jitsudo",
        "argv": [word.encode() if isinstance(word, str) else word for word in argv or ("true",)],
        "login": False,
        "user": None,
        "group": None,
        "cwd": b"/",
        "cwd_device": root.st_dev,
        "cwd_inode": root.st_ino,
        "chdir": False,
        "variables": [],
        "preserved": [],
        "locale": [],
        "streams": ["null", "null", "null"],
        "reason": None,
        "lasts_for": None,
        "uses": None,
        "timeout_for": None,
        "tty": None,
        "login_session": 0,
        "parents": [],
    }
    return {**plain, **changes}


def submission(*argv: bytes | str, **changes: Any) -> messages.Submit:
    more = {"waits": changes.pop("waits", True), "if_owed": changes.pop("if_owed", True)}
    if not more["waits"]:
        changes.setdefault("streams", [])
    return messages.Submit(**asked(*argv, **changes), **more)


def connected(house: Any, who: str) -> Raw:
    """``who``, authenticated: root without a ticket, anybody else with one."""
    made = Raw(house, uid_of(who))
    made.sign_in(None if who == "root" else ticket_of(who))
    return made


def shown_to(house: Any, who: str, id: str) -> dict[str, Any]:
    """Everything about the request ``id``, as ``who`` is shown it: without a process for it."""
    with connected(house, who) as raw:
        (row,) = raw.rows(messages.Show(id=id))
        return row


def review(row: dict[str, Any], verdict: str = "approve", comment: str = "", **changes: Any) -> messages.Review:
    """A review of exactly what ``row`` shows."""
    given = {"id": row["id"], "fingerprint": bytes.fromhex(row["fingerprint"]), **changes}
    return messages.Review(verdict=verdict, comment=comment, **given)


def hand_over(control: int) -> None:
    """What a client sends when its turn has come: three streams that lead nowhere (PROTOCOL.md section 5)."""
    said = {"streams": ["null"] * 3, "rows": 0, "columns": 0, "foreground": False, "termios": None}
    null = os.open("/dev/null", os.O_RDWR)
    with socket.socket(fileno=os.dup(control)) as line:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [null] * 3))]
        line.sendmsg([b"S" + json.dumps(said).encode()], rights)
    os.close(null)
