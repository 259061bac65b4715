# SPDX-License-Identifier: Apache-2.0
"""Looks at sudo.conf, the plugin that it names and the programs called sudo, for ``sudo_plugin``.

Law: files are only read, and the plugin is not loaded. Where nobody wants the plugin, sudo.conf alone is read.
"""

from __future__ import annotations

import re
import stat
import struct
from collections.abc import Iterator
from functools import lru_cache
from pathlib import PurePosixPath

from jitd.core.ownership import who_else_may_write
from jitd.hosts.places import SUDO_PLUGIN_WANTED, NoFile, Places, Unreadable
from jitd.hosts.sudo_plugin import CONF, SHIPPED, SUDO, SYMBOL, Another, Changed, Seen, line_of

SUDOS = tuple(
    f"{place}/sudo*"
    for place in (
        "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/lib/*", "/usr/lib/*/bin",
        "/usr/libexec/*", "/usr/local/lib/*", "/usr/local/libexec/*", "/opt/*/bin", "/opt/*/sbin",
        "/snap/*/*/usr/bin",
    )
)  # fmt: skip
"""Where other programs called sudo are looked for: where a PATH leads, and where packages put them (sudo-rs, sudo.ws)."""
APPROVES = b"approval plugin"  # stands in each sudo that knows such plugins, in what it says of one that fails
VERSION = re.compile(rb"(?<![\w.])([12])\.(\d{1,3})\.(\d{1,3})(?:p\d{1,3})?\0")
ELF = b"\x7fELF"
SECTIONS = {1: "32xI10x2H", 2: "40xQ10x2H"}
"""Where the header of an ELF file of 32 or 64 bits has the place of its sections, the length of their entries, and how many there
are (elf(5)). The table of sections is the last thing in the file, so it shows whether the file is whole."""


def look(places: Places) -> Seen:
    """Return what is seen now."""
    is_wanted = places.is_there(SUDO_PLUGIN_WANTED)
    try:
        conf = places.read_with_status(CONF)
    except NoFile:  # sudo ignores it
        conf = None
    except Unreadable as fault:
        return Seen(is_wanted, str(fault))
    words = line_of(conf[0].decode("utf-8", "replace")) if conf else ()
    if not (words or is_wanted):
        return Seen()
    sudo = _read(places, SUDO)
    others = tuple(other_sudos(places))
    if conf is None or not words:
        return Seen(is_wanted, version=_version(sudo), others=others, crowded=tuple(places.crowded))
    changed = _changed(places, CONF)
    why = who_else_may_write(conf[1].st_uid, conf[1].st_mode, 0)
    return Seen(
        is_wanted,
        words=words,
        ignored=Changed(why, changed.command) if why else Changed(),
        conf=changed,
        unfit=_unfit(_read(places, SHIPPED), sudo),
        plugin=_changed(places, SHIPPED),
        version=_version(sudo),
        others=others,
        crowded=tuple(places.crowded),
    )


def _read(places: Places, path: str) -> bytes | str | None:
    """Return the content, or None without a file. If it cannot be read, return why."""
    try:
        found = places.read_with_status(path)
    except Unreadable as fault:
        return str(fault)
    return found and found[0]


def _changed(places: Places, path: str) -> Changed:
    why = places.who_may_change(path)
    if why in ("", "missing"):
        return Changed()
    if places.real(path) != path:  # who can change where a link leads would decide which file the command changes
        return Changed(why)
    steps = []
    for place in (path, *map(str, PurePosixPath(path).parents)):
        status = places.status(place)
        if status is not None and status.st_uid:
            steps.append(f"chown root:root {place}")
        if status is not None and status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            steps.append(f"chmod go-w {place}")
    return Changed(why, " && ".join(steps))


def loads_plugins(places: Places) -> bool:
    """True if the sudo of this host may be one that loads plugins. sudo-rs is none."""
    return _version(_read(places, SUDO)) not in (None, ())


@lru_cache(maxsize=1)  # to search it takes ten times as long as to read it
def _version(sudo: bytes | str | None) -> tuple[int, ...] | None:
    """Return the numbers in ``sudo``, or nothing if it does not ask approval plugins, or cannot be read. A library in it may have
    a version, too, and a lower one.
    """
    if sudo is None:
        return None
    found = VERSION.findall(sudo) if isinstance(sudo, bytes) and APPROVES in sudo else []
    return max((tuple(map(int, one)) for one in found), default=())


def _unfit(plugin: bytes | str | None, sudo: bytes | str | None) -> str:
    """Return what keeps ``sudo`` from loading the file ``plugin``, or "". A page that is not in the file ends sudo by SIGBUS."""
    if plugin is None:
        return "is missing"
    if isinstance(plugin, str):
        return f"cannot be read: {plugin}"
    if len(plugin) < 64 or not plugin.startswith(ELF) or plugin[4] not in SECTIONS:
        return "is not a library"
    if isinstance(sudo, bytes) and sudo.startswith(ELF) and (plugin[:6], plugin[18:20]) != (sudo[:6], sudo[18:20]):
        return f"is not for the processor of {SUDO}"
    at, length, number = struct.unpack_from((">" if plugin[5] == 2 else "<") + SECTIONS[plugin[4]], plugin)
    if not at or at + length * number > len(plugin):
        return "is cut off"
    return "" if b"\0%s\0" % SYMBOL.encode() in plugin else f"has no {SYMBOL}"


def other_sudos(places: Places) -> Iterator[Another]:
    """Yield the other set-user-ID programs that are called sudo. A link to one is told by the file's own name."""
    own = places.status(SUDO)
    seen = {(own.st_dev, own.st_ino)} if own else set()
    for path in (path for pattern in SUDOS for path in places.answering(pattern)):
        status = places.status(path)
        if status is None or (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        if stat.S_ISREG(status.st_mode) and status.st_mode & stat.S_ISUID and status.st_uid == 0 and status.st_mode & 0o111:
            real = places.real(path)
            if any(PurePosixPath(real).match(pattern) for pattern in SUDOS):  # sudo-rs of Debian is a link to it
                path = real
            yield Another(path, real if real != path else "", not places.who_may_change(path))
