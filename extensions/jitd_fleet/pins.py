# SPDX-License-Identifier: Apache-2.0
"""What the person's desk knows of hosts, in a file: ``~/.local/state/jitd/roll.json``.

Law: the file is the person's alone, and replaced as a whole. If it cannot be read, nothing is known, and all hosts are asked.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from jitd_fleet.roll import Pin

NAME = "jitd/roll.json"
"""Below XDG_STATE_HOME, or below ``~/.local/state``."""
VERSION = 1


def file() -> Path:
    """Return where the file is."""
    return Path(os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state"), NAME)


def read() -> dict[str, Pin]:
    """Return what is known of each host. Raises ValueError with a sentence if the file cannot be read."""
    try:
        descriptor = os.open(file(), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return {}
    except OSError as fault:
        raise ValueError(f"{file()} cannot be read: {fault.strerror}") from None
    with open(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if status.st_uid != os.geteuid() or status.st_mode & 0o022:
            raise ValueError(f"{file()} is not read, because others may change it")
        content = stream.read()
    try:
        said = json.loads(content)
        if said["version"] != VERSION:
            raise ValueError
        return {str(host): _pin(pin) for host, pin in said["hosts"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        raise ValueError(f"{file()} is damaged") from None


def _pin(said: Mapping[str, str | float | int]) -> Pin:
    public, seal = bytes.fromhex(str(said["public"])), bytes.fromhex(str(said["seal"]))
    return Pin(public, int(said["number"]), seal, float(said["at"]), float(said["asked_at"]))


def keep(changed: Mapping[str, Pin]) -> None:
    """Write what is ``changed``, and leave the rest as it is. Raises OSError."""
    known: dict[str, Pin] = {}
    with suppress(ValueError):
        known = read()
    hosts = {
        host: {"public": pin.public.hex(), "number": pin.number, "seal": pin.seal.hex(), "at": pin.at, "asked_at": pin.asked_at}
        for host, pin in sorted((known | dict(changed)).items())
    }
    place = file()
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = place.with_name(f".{place.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "w", encoding="ascii") as stream:
            json.dump({"version": VERSION, "hosts": hosts}, stream)
        fresh.rename(place)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
