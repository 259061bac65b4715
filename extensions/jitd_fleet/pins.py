# SPDX-License-Identifier: Apache-2.0
"""What the person's desk knows of hosts, in a file: ``~/.local/state/jitd/roll.json``.

Law: the file is the person's alone, and replaced as a whole. If it cannot be read, nothing is known, and all hosts are asked. Who
writes it holds a lock beside it, and what another desk of the person has written meanwhile is not lost.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from jitd_fleet.roll import Pin, merged

NAME = "jitd/roll.json"  # below XDG_STATE_HOME, or below `~/.local/state`
VERSION = 1
LOCKED_WITHIN = 2.0
TRIED_EVERY = 0.02  # seconds between two attempts to get the lock, for which LOCKED_WITHIN seconds are waited


def file() -> Path:
    return Path(os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state"), NAME)


def read() -> dict[str, Pin]:
    """Return what is known of each host. Raises ValueError with a sentence if the file cannot be read."""
    try:
        with open(file(), "rb", opener=lambda path, flags: os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)) as stream:
            status = os.fstat(stream.fileno())
            if status.st_uid != os.geteuid() or status.st_mode & 0o022:
                raise ValueError(f"{file()} is not read, because others may change it")
            content = stream.read()
    except FileNotFoundError:
        return {}
    except OSError as fault:
        raise ValueError(f"{file()} cannot be read: {fault.strerror}") from None
    try:
        said = json.loads(content)
        if said["version"] != VERSION:
            raise ValueError
        return {str(host): _pin(pin) for host, pin in said["hosts"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        raise ValueError(f"{file()} is damaged") from None


def _pin(said: Mapping[str, str | float | int]) -> Pin:
    public, seal = bytes.fromhex(str(said["public"])), bytes.fromhex(str(said["seal"]))
    return Pin(public, int(said["number"]), seal, float(said["at"]), float(said["asked_at"]), int(said["seen"]))


def keep(changed: Mapping[str, Pin], known: Mapping[str, Pin]) -> None:
    """Write what is ``changed`` since the file had ``known``, and leave the rest as it is. Raises OSError."""
    file().parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _locked():
        written: dict[str, Pin] = {}
        with suppress(ValueError):
            written = read()
        now = time.time()
        _write(
            written
            | {
                host: pin if (there := written.get(host)) is None or there == known.get(host) else merged(there, pin, now)
                for host, pin in changed.items()
            }
        )


@contextmanager
def _locked() -> Iterator[None]:
    """Hold the lock. Raises OSError if another desk has it for too long: it may have been stopped."""
    place = file()
    lock = os.open(place.with_name(f".{place.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        until = time.monotonic() + LOCKED_WITHIN
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise OSError(errno.EAGAIN, "another jitd of yours is writing it") from None
                time.sleep(TRIED_EVERY)
        yield
    finally:
        os.close(lock)


def _write(known: Mapping[str, Pin]) -> None:
    hosts = {host: {**asdict(pin), "public": pin.public.hex(), "seal": pin.seal.hex()} for host, pin in sorted(known.items())}
    place = file()
    fresh = place.with_name(f".{place.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "w", encoding="ascii") as stream:
            json.dump({"version": VERSION, "hosts": hosts}, stream)
        fresh.rename(place)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
