# SPDX-License-Identifier: Apache-2.0
"""Finds sensitive files, such as the hashes of passwords, in the arguments of a command.

Law: pure; no file is opened. The authors of jitd made the list of sensitive files, and the list is not complete. jitd uses the
list only to warn people. The list never decides a request.
"""

from __future__ import annotations

import re

from jitd.core.command import Command

MOST_WORDS = 256
"""Only arguments among this number of first words of a command line are examined. The first word is the command's name."""
LONGEST = 4096
"""Maximum length of an argument that is examined, in bytes. No path in Linux is longer."""

_FILES: tuple[tuple[str, str], ...] = (
    (r"/etc/g?shadow-?", "the hashes of passwords"),
    (r"/etc/(sudoers|sudoers\.d(/.*)?|doas\.conf|polkit-1(/.*)?)", "who may act as root"),
    (r"/etc/(pam\.d|security)(/.*)?|/etc/pam\.conf", "who may log in, and how"),
    (r"/etc/(jitd(/.*)?)|/var/lib/jitd(/.*)?|/usr/lib/jitd(/.*)?", "what jitd decides by, its code or its record"),
    (r".*\.keytab|/var/lib/krb5kdc(/.*)?|/etc/krb5kdc(/.*)?", "keys of Kerberos"),
    (r".*/\.ssh(/.*)?|/etc/ssh(/.*)?", "keys or settings of SSH"),
    (r"/etc/ssl/private(/.*)?|.*\.(pem|key|p12|pfx|jks)|.*/\.gnupg(/.*)?", "private keys, perhaps"),
    (r"/dev/(mem|kmem|port)|/proc/(kcore|\d+/mem)", "the memory of the host or of a process"),
    (r"/dev/(sd|vd|xvd|hd|nvme|mmcblk|dm-|md|mapper/|disk/).*", "a whole disk, or a part of one"),
    (r"/etc/(cron.*|anacrontab|systemd(/.*)?|init\.d(/.*)?|rc\..*)|/(usr/)?lib/systemd(/.*)?", "what the host starts by itself"),
    (r"/boot(/.*)?|/etc/(default/grub|grub\.d(/.*)?)", "what the host boots"),
    (r"/etc/(ld\.so\..*|profile|profile\.d(/.*)?|bash\.bashrc|environment)", "what every program or shell loads"),
    (r"/run/(docker|containerd/containerd|podman/podman|crio/crio)\.sock", "control of containers, and so of the host"),
    (r"/root(/.*)?", "root's own files"),
    (r"/|/etc|/usr|/var|/home|/bin|/sbin|/lib|/dev|/proc|/sys", "a whole tree of the host"),
)
"""Each row contains a pattern for paths, and a short description of the files with such a path. For each path, only the first
matching row is used.
"""
N_BARE = 2
"""A word without a slash and without a full stop is usually not a path. Therefore only the first N_BARE rows apply to such a
word.
"""
_KNOWN = tuple((re.compile(pattern, re.DOTALL), what) for pattern, what in _FILES)


def precious(command: Command) -> tuple[tuple[str, str], ...]:
    """Return the sensitive files that the arguments of ``command`` name. Each file appears once, with its absolute path and a
    description.
    """
    found: dict[str, str] = {}
    cwd = command.cwd.decode("utf-8", "surrogateescape")
    for word in command.argv[1:MOST_WORDS]:
        for name in _names(word):
            path = _absolute(name, cwd)
            known = _KNOWN if "/" in name or "." in name else _KNOWN[:N_BARE]
            what = next((what for pattern, what in known if pattern.fullmatch(path)), "")
            if what:
                found.setdefault(path, what)
    return tuple(found.items())


def _names(word: bytes) -> tuple[str, ...]:
    """Return the parts of an argument that may be a path: the whole argument, and the text after its first ``=``, ``:``
    or ``@``.
    """
    if len(word) > LONGEST:
        return ()
    text = word.decode("utf-8", "surrogateescape")
    whole = () if text.startswith("-") else (text,)
    return tuple(name for name in (*whole, *(text.partition(mark)[2] for mark in "=:@")) if name)


def _absolute(name: str, cwd: str) -> str:
    """Return ``name`` as an absolute path, without ``.``, ``..`` and empty components. The function does not follow links."""
    parts: list[str] = []
    for part in (name if name.startswith("/") else f"{cwd}/{name}").split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)
