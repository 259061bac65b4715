# SPDX-License-Identifier: Apache-2.0
"""The messages between the daemon, the launcher and the monitor of a run.

Law: this module imports only the standard library. A message must have exactly the declared fields, each of the declared type.
Any other message raises ValueError. A run's id that this module accepts cannot name a file outside of the given directories.
"""

from __future__ import annotations

import binascii
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

KINDS = ("terminal", "pipe", "file", "socket", "device", "null", "closed")
"""The kinds of a standard stream (PROTOCOL.md)."""
ENDINGS = ("exited", "signaled", "not started", "lost")
"""The words for the possible endings of a run. The core uses the same words."""
CANNOT = 126
"""Exit status if an approved command cannot be executed."""
MISSING = 127
"""Exit status if a command does not exist."""
FAILED = 125
"""Exit status if jitd itself has a fault."""
MAX_WORD = 16 * 1024
"""Maximum number of bytes of one packet between daemon and monitor."""
MOST_NS = 2**63 - 1
"""Maximum value of a point in time, in nanoseconds: 292 years after the boot."""
MAX_JOB = 16 * 1024 * 1024
"""Maximum number of bytes of one job. 2 MiB of arguments and 2 MiB of environment in base64 are below this limit."""


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
    """

    run: str
    request: str
    path: bytes
    argv: tuple[bytes, ...]
    environment: tuple[tuple[bytes, bytes], ...]
    cwd: bytes
    cwd_device: int
    cwd_inode: int
    uid: int
    gid: int
    groups: tuple[int, ...]
    streams: tuple[str, ...]
    digest: bytes
    writable: bool
    ends_at_boot_ns: int | None
    ends_because: str
    leftovers: str
    requester_uid: int
    user: str
    operands: tuple[tuple[int, bytes, bytes], ...] | None = None
    stdin: str = "any"
    is_housed: bool = False
    record: str = "none"
    record_sync: str = "interval"
    record_failure: str = "end"
    record_bytes: int = 1 << 30
    fingerprint: bytes = bytes(32)
    host: str = ""
    requester: str = ""
    group: str = ""
    inherits: bool = False
    trusted_uid: int = 0
    trusted: tuple[bytes, ...] = ()
    observed: bool = False
    interpreters: tuple[tuple[bytes, bytes], ...] = ()
    namespace: str = "never"
    given_gid: int | None = None
    recorded_argv: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Login:
    """The data of a login session for the process beside it (its keeper). For fields without a description here, see Job.

    ``pid`` asked for the login. Its start time is ``started`` (in clock ticks since the boot). It ends with the session.
    """

    run: str
    pid: int
    started: int
    user: str
    service: str
    ends_at_boot_ns: int | None
    ends_because: str
    is_housed: bool = False


def is_run_id(text: object) -> bool:
    """True if ``text`` has the form of a run's id. A text of this form can safely be a part of a file name."""
    return (
        isinstance(text, str)
        and 0 < len(text) <= 32
        and text.isascii()
        and text[0].isalnum()
        and all(c.isalnum() or c in "-." for c in text)
    )


def nanoseconds(seconds: float) -> int:
    """Return a time as a whole number of nanoseconds, not less than ``seconds``, which is finite: a run never ends before its
    time is over.
    """
    return math.ceil(seconds * 1e9)


# --- values ----------------------------------------------------------------------------------------------------------


def _text(value: object) -> str:
    if type(value) is not str or "\0" in value:
        raise ValueError("is not text")
    return value


def _run(value: object) -> str:
    if not is_run_id(value):
        raise ValueError("is not a run's id")
    return str(value)


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**64:
        raise ValueError("is not a number")
    return value


def _id(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**32 - 1:  # for the kernel, 2^32 - 1 means "do not change"
        raise ValueError("is not an id")
    return value


def _id_or_none(value: object) -> int | None:
    return None if value is None else _id(value)


def _pid(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**31:
        raise ValueError("is not a process id")
    return value


def _truth(value: object) -> bool:
    if type(value) is not bool:
        raise ValueError("is not true or false")
    return value


def _bytes(value: object) -> bytes:
    return binascii.a2b_base64(_text(value), strict_mode=True) if value else b""


def _string(value: object) -> bytes:
    raw = _bytes(value)
    if b"\0" in raw:
        raise ValueError("has a NUL in it")
    return raw


def _absolute(value: object) -> bytes:
    raw = _string(value)
    if not raw.startswith(b"/"):
        raise ValueError("is not an absolute path")
    return raw


def _path(value: object) -> str:
    text = _text(value)
    if not text.startswith("/"):
        raise ValueError("is not an absolute path")
    return text


def _digest(value: object) -> bytes:
    raw = _bytes(value)
    if len(raw) != 32:
        raise ValueError("is not a digest")
    return raw


def _instant(value: object) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not -MOST_NS <= value <= MOST_NS:
        raise ValueError("is not a point in time")
    return value


def _list(of: Callable[[object], Any]) -> Callable[[object], tuple[Any, ...]]:
    def read(value: object) -> tuple[Any, ...]:
        if type(value) is not list:
            raise ValueError("is not a list")
        return tuple(of(item) for item in value)

    return read


def _arguments(value: object) -> tuple[bytes, ...]:
    argv = _list(_string)(value)
    if not argv:
        raise ValueError("is empty")
    return argv


def _environment(value: object) -> tuple[tuple[bytes, bytes], ...]:
    pairs = _list(_list(_string))(value)
    if any(len(pair) != 2 or not pair[0] or b"=" in pair[0] for pair in pairs):
        raise ValueError("is not a list of names and values")
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("names a variable twice")
    return pairs


def _operands(value: object) -> tuple[tuple[int, bytes, bytes], ...] | None:
    if value is None:
        return None
    found = []
    for item in _list(lambda each: each)(value):
        if type(item) is not list or len(item) != 3:
            raise ValueError("is not a list of operands")
        found.append((_number(item[0]), _absolute(item[1]), _digest(item[2]) if item[2] else b""))
    return tuple(found)


def _interpreters(value: object) -> tuple[tuple[bytes, bytes], ...]:
    found = []
    for item in _list(lambda each: each)(value):
        if type(item) is not list or len(item) != 2:
            raise ValueError("is not a list of interpreters")
        found.append((_absolute(item[0]), _digest(item[1])))
    if len(dict(found)) != len(found):
        raise ValueError("names an interpreter twice")
    return tuple(found)


def _recording(value: object) -> tuple[int, int, str] | None:
    """Read the number of chunks, the number of bytes and the hash of a recording, or None. Raises ValueError."""
    if value is None:
        return None
    if type(value) is not list or len(value) != 3:
        raise ValueError("is not two numbers and a hash")
    digest = _text(value[2])
    if len(digest) != 64 or digest.strip("0123456789abcdef"):
        raise ValueError("has no hash")
    return _number(value[0]), _number(value[1]), digest


def _traces(value: object) -> tuple[tuple[str, ...], ...] | None:
    if value is None:
        return None
    found = _list(_list(_text))(value)
    if len(found) != 4:
        raise ValueError("is not four lists")
    return found


def read_kinds(value: object) -> tuple[str, ...]:
    """Read a list of three kinds of streams, or an empty list. Raises ValueError."""
    kinds = _list(_text)(value)
    if len(kinds) not in (0, 3) or any(kind not in KINDS for kind in kinds):
        raise ValueError("is not a list of three kinds of streams")
    return kinds


def _choice(*words: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if value not in words:
            raise ValueError(f"is none of {', '.join(words)}")
        return _text(value)

    return read


_JOB: dict[str, Callable[[object], Any]] = {
    "run": _run,
    "request": _text,
    "path": _absolute,
    "argv": _arguments,
    "environment": _environment,
    "cwd": _absolute,
    "cwd_device": _number,
    "cwd_inode": _number,
    "uid": _id,
    "gid": _id,
    "groups": _list(_id),
    "streams": read_kinds,
    "digest": _digest,
    "writable": _truth,
    "ends_at_boot_ns": _instant,
    "ends_because": _text,
    "leftovers": _choice("end", "keep"),
    "requester_uid": _id,
    "user": _text,
    "operands": _operands,
    "stdin": _choice("any", "tty", "none"),
    "is_housed": _truth,
    "record": _choice("none", "terminal", "output", "all"),
    "record_sync": _choice("interval", "always"),
    "record_failure": _choice("end", "continue"),
    "record_bytes": _number,
    "fingerprint": _digest,
    "host": _text,
    "requester": _text,
    "group": _text,
    "inherits": _truth,
    "trusted_uid": _id,
    "trusted": _list(_absolute),
    "observed": _truth,
    "interpreters": _interpreters,
    "namespace": _choice("auto", "always", "never"),
    "given_gid": _id_or_none,
    "recorded_argv": _list(_string),
}

_LOGIN: dict[str, Callable[[object], Any]] = {
    **{name: _JOB[name] for name in ("run", "user", "ends_at_boot_ns", "ends_because", "is_housed")},
    "pid": _pid,
    "started": _number,
    "service": _text,
}

FROM_MONITOR: dict[str, dict[str, Callable[[object], Any]]] = {
    "here": {"run": _run, "state": _choice("starting", "ready", "running", "ended"), "ends_at_boot_ns": _instant},
    **{word: {} for word in ("ready", "frozen", "thawed")},
    "started": {"pid": _number},
    "ended": {
        "ending": _choice(*ENDINGS),
        "number": _number,
        "because": _text,
        "recording": _recording,
        "traces": _traces,
    },
}
"""The messages of a monitor. On each connection, the monitor first sends ``here``, and then the message for its state."""
_HERE_OF_BEFORE = re.compile(
    rb'(\{"say":"here","run":"[^"]*","state":"[a-z]*","ends_at_boot)":(null|-?[0-9]{1,16}(?:\.[0-9]{1,20})?(?:e-[0-9]{1,3})?)\}'
)
_ENDED_OF_BEFORE = re.compile(rb'(\{"say":"ended",.*,"recording":(?:null|\[[^][]*\]))\}')
"""The words of a monitor that an earlier version of jitd has started, as they were written. The time was in seconds, and there
were no traces.
"""
FROM_LAUNCHER: dict[str, dict[str, Callable[[object], Any]]] = {"unborn": {"run": _run, "because": _text}}
"""The message of the launcher. ``unborn`` means that the launcher could not create a monitor."""
_BIRTH: dict[str, Callable[[object], Any]] = {"run": _run, "run_dir": _path, "state_dir": _path}
FROM_DAEMON: dict[str, dict[str, Callable[[object], Any]]] = {
    **{word: {} for word in ("housed", "unhoused", "go", "taken")},
    "stop": {"because": _text},
    "watched": {"by": _list(_text)},
}
"""The daemon's messages. ``housed``: the monitor is in its cgroup. ``unhoused``: the monitor makes its cgroup. ``taken``: the
outcome is stored. ``watched``: who watches.
"""


# --- encoding and decoding -------------------------------------------------------------------------------------------


def _write(value: Any) -> Any:
    if isinstance(value, bytes):
        return binascii.b2a_base64(value, newline=False).decode("ascii")
    if isinstance(value, tuple):
        return [_write(item) for item in value]
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


_READER = json.JSONDecoder(object_pairs_hook=_unique)
_WRITER = json.JSONEncoder(separators=(",", ":"))


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = _READER.decode(data.decode("utf-8"))
    except RecursionError:
        raise ValueError("too deep") from None
    if type(found) is not dict:
        raise ValueError("not an object")
    return found


def _values(found: dict[str, Any], declared: dict[str, Callable[[object], Any]]) -> dict[str, Any]:
    if found.keys() != declared.keys():
        raise ValueError(f"these fields are missing or unknown: {', '.join(sorted(found.keys() ^ declared.keys()))}")
    values = {}
    for name, read in declared.items():
        try:
            values[name] = read(found[name])
        except ValueError as fault:
            raise ValueError(f"{name} {fault}") from None
    return values


def write_job(job: Job | Login) -> bytes:
    """Return ``job`` as bytes. Raises ValueError if the bytes are too many, or if ``read_job`` would return a different job."""
    data = _WRITER.encode({f.name: _write(getattr(job, f.name)) for f in fields(job)}).encode("ascii")
    if len(data) > MAX_JOB:
        raise ValueError(f"the job has {len(data)} bytes, and the maximum is {MAX_JOB}")
    if read_job(data) != job:
        raise ValueError("the job changes when it is encoded and decoded")
    return data


def read_job(data: bytes) -> Job | Login:
    """Return the job in ``data``. Raises ValueError if ``data`` is not a job."""
    found = _object(data)
    return Login(**_values(found, _LOGIN)) if "service" in found else Job(**_values(found, _JOB))


def write_word(say: str, **values: object) -> bytes:
    """Return the message ``say`` with its values, as one packet between daemon and monitor."""
    return _WRITER.encode({"say": say, **values}).encode("ascii")


def read_word(packet: bytes, of: dict[str, dict[str, Callable[[object], Any]]]) -> tuple[str, dict[str, Any]]:
    """Return the name and the values of a message. ``of`` is FROM_MONITOR, FROM_LAUNCHER or FROM_DAEMON. Raises ValueError."""
    found = _object(packet)
    say = found.pop("say", None)
    if type(say) is not str or say not in of:
        raise ValueError("no such word")
    return say, _values(found, of[say])


def as_today(packet: bytes) -> bytes:
    """Return the word of a monitor in ``packet`` as a monitor of this version says it. A monitor lives as long as its run, so an
    earlier version may have started it, and a file with an outcome may be of such a monitor. Other packets stay as they are.
    """
    if (here := _HERE_OF_BEFORE.fullmatch(packet)) is not None:
        seconds = here[2].decode("ascii")
        return b'%b_ns":%b}' % (here[1], b"null" if seconds == "null" else b"%d" % nanoseconds(float(seconds)))
    if (ended := _ENDED_OF_BEFORE.fullmatch(packet)) is not None:
        return ended[1] + b',"traces":null}'
    return packet


def write_birth(run: str, run_dir: str, state_dir: str) -> bytes:
    """Return the packet that requests a monitor of ``run``. The files of ``run`` are below ``run_dir`` and ``state_dir``."""
    return _WRITER.encode({"run": run, "run_dir": run_dir, "state_dir": state_dir}).encode("ascii")


def read_birth(packet: bytes) -> tuple[str, str, str]:
    """Return run, run_dir and state_dir from a packet of ``write_birth``. Raises ValueError."""
    found = _values(_object(packet), _BIRTH)
    return found["run"], found["run_dir"], found["state_dir"]


def what_failed(fault: BaseException) -> str:
    """Return the end of a sentence about ``fault``: the kernel's words, or the class and the text of a defect."""
    return (isinstance(fault, OSError) and fault.strerror) or f"{type(fault).__name__}: {fault}"


def sentence(text: str) -> str:
    """Return ``text``, cut to 1000 characters. So the text fits into a packet and into a record, and people can read it."""
    return text if len(text) <= 1000 else text[:999] + "…"
