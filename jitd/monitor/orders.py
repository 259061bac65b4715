# SPDX-License-Identifier: Apache-2.0
"""The messages between the daemon, the launcher and the monitor of a run: jobs, what the launcher is asked for, and words. The
files in tests/monitor/golden contain the exact bytes of examples.

Law: a run's id that this module accepts cannot name a file outside of the given directories.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated

from jitd.files.exchange import LARGEST
from jitd.monitor.proof_orders import MayUse, Prove
from jitpam.wire.declared import INLINE, Codec, base64, integer, list_of, one_of, optional, os_text, row, text

KINDS = ("terminal", "pipe", "file", "socket", "device", "null", "closed")  # the kinds of a standard stream (PROTOCOL.md)
ENDINGS = ("exited", "signaled", "not started", "lost")  # how a run can end. The core uses the same words
CANNOT = 126  # exit status if an approved command cannot be executed
MISSING = 127  # exit status if a command does not exist
FAILED = 125  # exit status if jitd itself has a fault
MAX_WORD = 16 * 1024  # bytes of one packet between daemon and monitor
MOST_SAID = 4000  # bytes of what a check has said, in a packet with an outcome
MOST_NS = 2**63 - 1  # maximum value of a point in time, in nanoseconds: 292 years after the boot
MAX_JOB = 16 * 1024 * 1024  # bytes of one job. 2 MiB of arguments and 2 MiB of environment in base64 are below this limit.


def _names_each_once(pairs: tuple[tuple[bytes, bytes], ...]) -> bool:
    return len({name for name, _ in pairs}) == len(pairs)


_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,31}")
RUN = text("a run's id", _RUN.pattern)
TEXT = os_text("text")  # the name of an account is what the name service says
NUMBER = integer(0, 2**64 - 1)
ID = integer(0, 2**32 - 2)  # for the kernel, 2^32 - 1 means "do not change"
INSTANT = optional(integer(-MOST_NS, MOST_NS))
STRING = base64(MAX_JOB).where(lambda raw: b"\0" not in raw, "a string without NUL")
ABSOLUTE = STRING.where(lambda raw: raw.startswith(b"/"), "an absolute path")
DIRECTORY = TEXT.where(lambda path: path.startswith("/"), "an absolute path")
DIGEST = base64(32).where(lambda raw: len(raw) == 32, "a digest")
NO_DIGEST_OR_ONE = base64(32).where(lambda raw: len(raw) in (0, 32), "a digest, or empty")
KIND = one_of(KINDS, "a kind of stream")
STREAMS = list_of(KIND, most=3).where(lambda kinds: len(kinds) in (0, 3), "a list of three kinds of streams")
VARIABLE = STRING.where(lambda name: name and b"=" not in name, "the name of a variable")
ENVIRONMENT = list_of(row(VARIABLE, STRING)).where(_names_each_once, "a list that names each variable once")
INTERPRETERS = list_of(row(ABSOLUTE, DIGEST)).where(_names_each_once, "a list that names each interpreter once")
RECORDING = row(NUMBER, NUMBER, text("a hash", r"[0-9a-f]{64}"))
NAMES = list_of(TEXT)
STATE = one_of(("starting", "ready", "running", "ended"), "the state of a run")


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that a monitor needs to know about its run. The decision about the run is already stored. A job never changes.

    ``environment`` is complete. ``streams`` contains the kinds of the three streams, or is empty if the kinds become known only
    at the start. ``digest`` is the approved SHA-256 of the program. ``writable`` is True if the rule allows a file that other
    accounts may change. Root and ``trusted_uid`` (0: none) are not "other accounts". ``trusted`` contains the mounts whose file
    owners are trusted. ``ends_at_boot_ns`` is the time when the run must end (in nanoseconds on CLOCK_BOOTTIME), or None.
    ``ends_because`` is the reason for this end. ``operands`` contains the argument number, the path and the digest of each bound
    file (operands.Bound), or is None if files are not bound. ``interpreters`` contains the name and the digest of each approved
    interpreter that others can change. ``stdin`` is the standard input that the rule requires. If
    ``is_housed`` is True, the daemon puts the monitor into a control group (``housed``), or says that the monitor creates one
    (``unhoused``). If it is False, the monitor creates one at once. ``record`` is one
    of RECORDED (core.decision). ``record_bytes`` is the maximum number of recorded bytes. If ``inherits`` is True, the caller
    named no directory, and ``cwd`` is its current directory. ``observed`` is True if the run must be watched. ``namespace`` says
    whether the command runs in a pid namespace of its own. It is the value of ``run.namespace`` in the rule. ``given_gid`` is a
    group that the target account is not a member of, or None. The command has this group for the time of the run only. Therefore
    it always runs in a pid namespace, and a filter of system calls keeps it from storing the group in a file. If words of the
    command are masked, ``recorded_argv`` is what stands in the recording in place of ``argv``. Otherwise it is empty.

    If ``edit`` is not None, nothing is executed: the file ``path``, whose content has the SHA-256 ``digest``, gets a new content.
    ``edit`` has the device and the inode of the file, and the new content. If ``makes`` is not None, nothing is executed either,
    and the file ``path`` is made where nothing is. ``makes`` has the device and the inode of its directory, its group, its mode
    and its content. If ``removes`` is not None, the file ``path`` is removed, whose device, inode, owner, group and mode it has,
    and whose content has the SHA-256 ``digest``. If ``edits`` is not empty, several files get a new content together. It has the
    path, the device, the inode, the SHA-256 and the new content of each, and ``path`` is the first one. ``checks`` are the
    programs that must take the content, each with its arguments. Those of several files name the file. If ``tells_text`` is
    True, the requester may read the new content.
    """

    run: Annotated[str, RUN]
    request: Annotated[str, TEXT]
    path: Annotated[bytes, ABSOLUTE]
    argv: Annotated[tuple[bytes, ...], list_of(STRING, 1)]
    environment: Annotated[tuple[tuple[bytes, bytes], ...], ENVIRONMENT]
    cwd: Annotated[bytes, ABSOLUTE]
    cwd_device: Annotated[int, NUMBER]
    cwd_inode: Annotated[int, NUMBER]
    uid: Annotated[int, ID]
    gid: Annotated[int, ID]
    groups: Annotated[tuple[int, ...], list_of(ID)]
    streams: Annotated[tuple[str, ...], STREAMS]
    digest: Annotated[bytes, DIGEST]
    writable: bool
    ends_at_boot_ns: Annotated[int | None, INSTANT]
    ends_because: Annotated[str, TEXT]
    leftovers: Annotated[str, one_of(("end", "keep"), "end or keep")]
    requester_uid: Annotated[int, ID]
    user: Annotated[str, TEXT]
    operands: Annotated[
        tuple[tuple[int, bytes, bytes], ...] | None, optional(list_of(row(NUMBER, ABSOLUTE, NO_DIGEST_OR_ONE)))
    ] = None
    stdin: Annotated[str, one_of(("any", "tty", "none"), "any, tty or none")] = "any"
    is_housed: bool = False
    record: Annotated[str, one_of(("none", "terminal", "output", "all"), "what is recorded")] = "none"
    record_sync: Annotated[str, one_of(("interval", "always"), "interval or always")] = "interval"
    record_failure: Annotated[str, one_of(("end", "continue"), "end or continue")] = "end"
    record_bytes: Annotated[int, NUMBER] = 1 << 30
    fingerprint: Annotated[bytes, DIGEST] = bytes(32)
    host: Annotated[str, TEXT] = ""
    requester: Annotated[str, TEXT] = ""
    group: Annotated[str, TEXT] = ""
    inherits: bool = False
    trusted_uid: Annotated[int, ID] = 0
    trusted: Annotated[tuple[bytes, ...], list_of(ABSOLUTE)] = ()
    observed: bool = False
    interpreters: Annotated[tuple[tuple[bytes, bytes], ...], INTERPRETERS] = ()
    namespace: Annotated[str, one_of(("auto", "always", "never"), "auto, always or never")] = "never"
    given_gid: Annotated[int | None, optional(ID)] = None
    recorded_argv: Annotated[tuple[bytes, ...], list_of(STRING)] = ()
    edit: Annotated[tuple[int, int, bytes] | None, optional(row(NUMBER, NUMBER, base64(LARGEST)))] = None
    checks: Annotated[tuple[tuple[bytes, ...], ...], list_of(list_of(STRING, 1))] = ()
    tells_text: bool = False
    makes: Annotated[
        tuple[int, int, int, int, bytes] | None, optional(row(NUMBER, NUMBER, ID, integer(0, 0o777), base64(LARGEST)))
    ] = None
    edits: Annotated[
        tuple[tuple[bytes, int, int, bytes, bytes], ...], list_of(row(ABSOLUTE, NUMBER, NUMBER, DIGEST, base64(LARGEST)))
    ] = ()
    removes: Annotated[tuple[int, int, int, int, int] | None, optional(row(NUMBER, NUMBER, ID, ID, integer(0, 0o777)))] = None

    @property
    def executes(self) -> bool:
        """True if a program is executed. Otherwise the job gives files their content, or removes one."""
        return self.edit is None and self.makes is None and self.removes is None and not self.edits


@dataclass(frozen=True, slots=True)
class Login:
    """The data of a login session for the process beside it (its keeper). For fields without a description here, see Job.

    ``pid`` asked for the login. Its start time is ``started`` (in clock ticks since the boot). It ends with the session.
    """

    run: Annotated[str, RUN]
    pid: Annotated[int, integer(0, 2**31 - 1)]
    started: Annotated[int, NUMBER]
    user: Annotated[str, TEXT]
    service: Annotated[str, TEXT]
    ends_at_boot_ns: Annotated[int | None, INSTANT]
    ends_because: Annotated[str, TEXT]
    is_housed: bool = False


def is_run_id(text: object) -> bool:
    """True if ``text`` has the form of a run's id. A text of this form can safely be a part of a file name."""
    return isinstance(text, str) and _RUN.fullmatch(text) is not None


def nanoseconds(seconds: float) -> int:
    """Return a whole number of nanoseconds, not less than the finite ``seconds``: a run never ends early."""
    return math.ceil(seconds * 1e9)


@dataclass(frozen=True, slots=True)
class Birth:
    """Make a monitor of ``run``, whose files are below the two directories. The job and the control socket are attached."""

    run: Annotated[str, RUN]
    run_dir: Annotated[str, DIRECTORY]
    state_dir: Annotated[str, DIRECTORY]


@dataclass(frozen=True, slots=True)
class Unborn:
    """The launcher could not create a monitor."""

    run: Annotated[str, RUN]
    because: Annotated[str, TEXT]


# --- the words of a monitor ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Here:
    """The first word on each connection. The word for the state follows, unless the state is ``starting``."""

    run: Annotated[str, RUN]
    state: Annotated[str, STATE]
    ends_at_boot_ns: Annotated[int | None, INSTANT]


@dataclass(frozen=True, slots=True)
class Ready:
    """The command waits for ``go``."""


@dataclass(frozen=True, slots=True)
class Started:
    """The command has begun, as the process ``pid``."""

    pid: Annotated[int, NUMBER]


@dataclass(frozen=True, slots=True)
class Frozen:
    """Nobody watches an observed run, and it is frozen."""


@dataclass(frozen=True, slots=True)
class Thawed:
    """An observed run may execute."""


@dataclass(frozen=True, slots=True)
class Left:
    """The outcome of a run, which consists of one of ENDINGS, an exit status or signal number, and a sentence.

    ``recording`` contains the number of chunks, the number of bytes and the hash of the recording. ``recording`` is None if
    nothing was recorded. ``traces`` contains what the run may have left to others (traces.Told), or None.
    """

    ending: Annotated[str, one_of(ENDINGS, "an ending of a run")]
    number: Annotated[int, NUMBER]
    because: Annotated[str, TEXT]
    recording: Annotated[tuple[int, int, str] | None, optional(RECORDING)] = None
    traces: Annotated[
        tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]] | None,
        optional(row(NAMES, NAMES, NAMES, NAMES)),
    ] = None


@dataclass(frozen=True, slots=True)
class Unwritten:
    """The outcome of an edit whose check has not taken the text. ``said`` is the reason, and in the lines below what the check
    has said. It may quote what the requester cannot read. A monitor of an earlier release never says this word.
    """

    left: Annotated[Left, INLINE]
    said: Annotated[str, TEXT]


HowItEnded = Left | Unwritten


# --- the words of the daemon -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Housed:
    """The monitor is in its control group."""


@dataclass(frozen=True, slots=True)
class Unhoused:
    """The monitor makes its control group."""


@dataclass(frozen=True, slots=True)
class Go:
    """Execute the command."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The outcome is stored."""


@dataclass(frozen=True, slots=True)
class Stop:
    because: Annotated[str, TEXT]


@dataclass(frozen=True, slots=True)
class Watched:
    """These people watch the run now."""

    by: Annotated[tuple[str, ...], NAMES]


JOBS = Codec[Job | Login]("", {"job": Job, "login": Login}, MAX_JOB)
TO_LAUNCHER = Codec[Birth | Prove | MayUse]("", {"birth": Birth, "prove": Prove, "may use": MayUse}, MAX_WORD)
FROM_LAUNCHER = Codec[Unborn]("say", {"unborn": Unborn}, MAX_WORD)
FromMonitor = Here | Ready | Started | Frozen | Thawed | HowItEnded
FROM_MONITOR = Codec[FromMonitor](
    "say",
    {
        "here": Here, "ready": Ready, "started": Started, "frozen": Frozen, "thawed": Thawed, "ended": Left,
        "unwritten": Unwritten,
    },
    MAX_WORD,
)  # fmt: skip
FromDaemon = Housed | Unhoused | Go | Taken | Stop | Watched
FROM_DAEMON = Codec[FromDaemon](
    "say", {"housed": Housed, "unhoused": Unhoused, "go": Go, "taken": Taken, "stop": Stop, "watched": Watched}, MAX_WORD
)


def what_failed(fault: BaseException) -> str:
    """Return the end of a sentence about ``fault``: the kernel's words, or the class and the text of a defect."""
    return (isinstance(fault, OSError) and fault.strerror) or f"{type(fault).__name__}: {fault}"


def sentence(text: str, most: int = 1000) -> str:
    """Return ``text`` as a word and a record can have it: without NUL and lone surrogates, and cut to ``most`` characters, or to
    half of them if there are such as JSON writes with twelve bytes (beyond U+FFFF).
    """
    text = text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode("utf-8")
    most = most // 2 if max(text, default="") > "\uffff" else most
    return text if len(text) <= most else text[: most - 1] + "…"
