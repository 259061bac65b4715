# SPDX-License-Identifier: Apache-2.0
"""What the daemon and the monitor of a run say to each other.

Law: standard library only. What is read is exactly what is declared, each field of its type, or it is a ValueError;
nothing that came through here can name a file outside the directories given.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

KINDS = ("terminal", "pipe", "file", "socket", "device", "null", "closed")
"""What a standard stream can be (PROTOCOL.md)."""
ENDINGS = ("exited", "signaled", "not started", "lost")
"""How a run can end, spelled as the core spells it."""
CANNOT = 126
"""Exit status of what was approved and cannot be executed."""
MISSING = 127
"""Exit status of what is not there."""
FAILED = 125
"""Exit status when the fault is ours."""
MAX_WORD = 16 * 1024
"""Bytes in one packet between daemon and monitor."""
MOST_SECONDS = 2.0**53
"""Seconds of an instant at most: what a float counts without a gap."""
MAX_JOB = 16 * 1024 * 1024
"""Bytes of one job: 2 MiB of arguments and as much environment, as base64, and room."""


@dataclass(frozen=True, slots=True)
class Job:
    """All a monitor needs to know of its run. It was decided and committed, and never changes.

    ``environment`` is final; ``streams`` are three kinds, or empty: known when it is run. ``digest`` is the SHA-256
    that was approved; ``writable`` says that the rule allows a file that others may change than root and ``trusted_uid`` (0:
    nobody else). ``ends_at_boot`` is in seconds on CLOCK_BOOTTIME, None for never, and ``ends_because`` the sentence for that
    end. ``user`` is the target's name. ``operands`` are argument, path and digest of what else was approved (operands.Bound),
    None where nobody had to; ``stdin`` is what the rule wants standard input to be. ``is_housed``: the daemon has the monitor
    taken into a control group, and says ``housed``; without it the monitor makes one. ``record`` is one of RECORDED in
    core.decision, ``record_bytes`` what it may come to. What follows is told at its beginning: ``requester`` is a principal.
    ``inherits`` says that ``cwd`` is where the caller stands, and was not named.
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
    ends_at_boot: float | None
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


@dataclass(frozen=True, slots=True)
class Login:
    """All a keeper needs to know of a login session: the process that has asked for it, and is to be ended with all of it.

    ``started`` is when that process was, in ticks since the boot. The rest is as in Job.
    """

    run: str
    pid: int
    started: int
    user: str
    service: str
    ends_at_boot: float | None
    ends_because: str
    is_housed: bool = False


def is_run_id(text: object) -> bool:
    """True for what can be a run's id, and so be part of a file's name."""
    return (
        isinstance(text, str)
        and 0 < len(text) <= 32
        and text.isascii()
        and text[0].isalnum()
        and all(c.isalnum() or c in "-." for c in text)
    )


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
    if type(value) is not int or not 0 <= value < 2**31:  # 2^32 - 1 is "leave as it is" to the kernel
        raise ValueError("is not an id")
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


def _instant(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not -MOST_SECONDS <= value <= MOST_SECONDS:  # nor NaN
        raise ValueError("is not an instant")
    return float(value)


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


def _recording(value: object) -> tuple[int, int, str] | None:
    """Chunks, bytes and hash of what was recorded, or None."""
    if value is None:
        return None
    if type(value) is not list or len(value) != 3:
        raise ValueError("is not what was recorded")
    digest = _text(value[2])
    if len(digest) != 64 or digest.strip("0123456789abcdef"):
        raise ValueError("has no hash")
    return _number(value[0]), _number(value[1]), digest


def read_kinds(value: object) -> tuple[str, ...]:
    """Three kinds of streams, or none. Raises ValueError."""
    kinds = _list(_text)(value)
    if len(kinds) not in (0, 3) or any(kind not in KINDS for kind in kinds):
        raise ValueError("is not three kinds of streams")
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
    "ends_at_boot": _instant,
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
}

_LOGIN: dict[str, Callable[[object], Any]] = {
    "run": _run,
    "pid": _id,
    "started": _number,
    "user": _text,
    "service": _text,
    "ends_at_boot": _instant,
    "ends_because": _text,
    "is_housed": _truth,
}

FROM_MONITOR: dict[str, dict[str, Callable[[object], Any]]] = {
    "here": {"run": _run, "state": _choice("starting", "ready", "running", "ended"), "ends_at_boot": _instant},
    "ready": {},
    "started": {"pid": _number},
    "ended": {"ending": _choice(*ENDINGS), "number": _number, "because": _text, "recording": _recording},
}
"""What a monitor says. ``here`` comes first on every connection, and after it the word for that state once more."""
FROM_LAUNCHER: dict[str, dict[str, Callable[[object], Any]]] = {"unborn": {"run": _run, "because": _text}}
"""What the launcher says: it could not make a monitor."""
_BIRTH: dict[str, Callable[[object], Any]] = {"run": _run, "run_dir": _path, "state_dir": _path}
FROM_DAEMON: dict[str, dict[str, Callable[[object], Any]]] = {
    "housed": {},
    "go": {},
    "stop": {"because": _text},
    "taken": {},
}
"""What the daemon says. ``housed``: its control group is the run's. ``taken``: the outcome is committed."""


# --- there and back --------------------------------------------------------------------------------------------------


def _write(value: Any) -> Any:
    if isinstance(value, bytes):
        return binascii.b2a_base64(value, newline=False).decode("ascii")
    if isinstance(value, tuple):
        return [_write(item) for item in value]
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
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
        raise ValueError(f"missing or unknown: {', '.join(sorted(found.keys() ^ declared.keys()))}")
    values = {}
    for name, read in declared.items():
        try:
            values[name] = read(found[name])
        except ValueError as fault:
            raise ValueError(f"{name} {fault}") from None
    return values


def write_job(job: Job | Login) -> bytes:
    """``job`` as it travels. Raises ValueError if it is one that could not be read."""
    data = _WRITER.encode({f.name: _write(getattr(job, f.name)) for f in fields(job)}).encode("ascii")
    if len(data) > MAX_JOB:
        raise ValueError(f"a job of {len(data)} bytes, more than {MAX_JOB}")
    if read_job(data) != job:
        raise ValueError("a job that does not come back as it went")
    return data


def read_job(data: bytes) -> Job | Login:
    """The job in ``data``. Raises ValueError."""
    found = _object(data)
    return Login(**_values(found, _LOGIN)) if "service" in found else Job(**_values(found, _JOB))


def write_word(say: str, **values: object) -> bytes:
    """One packet between daemon and monitor."""
    return _WRITER.encode({"say": say, **values}).encode("ascii")


def read_word(packet: bytes, of: dict[str, dict[str, Callable[[object], Any]]]) -> tuple[str, dict[str, Any]]:
    """The word in ``packet``, one of ``of`` (FROM_MONITOR, FROM_DAEMON), and its values. Raises ValueError."""
    found = _object(packet)
    say = found.pop("say", None)
    if type(say) is not str or say not in of:
        raise ValueError("no such word")
    return say, _values(found, of[say])


def write_birth(run: str, run_dir: str, state_dir: str) -> bytes:
    """The packet that asks the launcher for a monitor of ``run``, whose files stand under the two directories."""
    return _WRITER.encode({"run": run, "run_dir": run_dir, "state_dir": state_dir}).encode("ascii")


def read_birth(packet: bytes) -> tuple[str, str, str]:
    """Run, run_dir and state_dir. Raises ValueError."""
    found = _values(_object(packet), _BIRTH)
    return found["run"], found["run_dir"], found["state_dir"]


def sentence(text: str) -> str:
    """``text`` short enough for a word, a record and a reader."""
    return text if len(text) <= 1000 else text[:999] + "…"
