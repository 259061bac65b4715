# SPDX-License-Identifier: Apache-2.0
"""Checks which libraries the dynamic loader loads into sudo, su and sshd. Also checks whether the kernel protects root's programs
from links that people create.
Law: if one of root's programs loads a library, the code of this library runs as root. Anyone who can add or change a library of
root's programs bypasses every gate.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from jitd.hosts.findings import Linted, Place, bad, unknown, weak
from jitd.hosts.stack import Source
from jitd_inspection.pamlint.environment import Files

PRELOAD, CONF, CACHE = "/etc/ld.so.preload", "/etc/ld.so.conf", "/etc/ld.so.cache"
DIRECTORIES = ("/lib", "/usr/lib", "/lib64", "/usr/lib64")  # directories in which the loader searches by default (ld.so(8))
PYTHON = ("/usr/lib/python3*", "/usr/lib/python3/dist-packages", "/usr/local/lib/python3*/dist-packages", "/usr/lib/jitd")
"""The directories from which Python loads its library and its start-up code, for jitd and what it runs."""
DEEPEST = 16  # maximum depth of `include` lines that are followed
LINKS = ("protected_symlinks", "protected_hardlinks")
"""Names of kernel settings in /proc/sys/fs (proc(5)). With protected_symlinks, a program does not follow a symbolic link of
another person in /tmp. With protected_hardlinks, people cannot create a hard link to a file of another person.
"""

Look = Callable[[str], Sequence[Source]]  # pattern → the files that match, in order. Raises OSError if one cannot be read


def preloaded(source: Source | None, files: Files) -> Iterator[Linted]:
    """Yield findings about libraries in ld.so.preload. The loader loads these libraries first, in every program."""
    if source is None:
        return
    for number, line in enumerate(source.data.decode("utf-8", "replace").split("\n"), 1):
        place = Place(source.file, number)
        for library in re.split(r"[\s:]+", line.partition("#")[0].strip()):
            if not library:
                continue
            told = f"every program loads {library} first, sudo and sshd too"
            if "/" in library and not library.startswith("/"):
                because = "it is looked for below the caller's current directory"
            else:
                because = files(library) if library.startswith("/") else ""
            if "$" in library:
                yield unknown("preloaded", place, f"{told}, and it is not known which file that is", "write its whole path")
            elif because:
                yield bad("loader-open", place, f"{told}, and others can put a file there: {because}", "take the line out")
            else:
                yield weak("preloaded", place, f"{told}: what it does is not judged", "take the line out, if it is not meant")


def searched(source: Source | None, look: Look, files: Files) -> Iterator[Linted]:
    """Yield findings about the cache of the loader and the directories in which the loader finds libraries."""
    for path in (*DIRECTORIES, CACHE):
        if because := files(path):
            yield bad("loader-open", Place(path), _of_others(path, because), f"chown root:root {path} && chmod go-w {path}")
    if source is not None:
        yield from _of_file(source, look, files, (source.file,))


def _of_others(directory: str, because: str) -> str:
    return f"sudo and sshd load libraries from {directory}, and others can put libraries there: {because}"


def _of_file(source: Source, look: Look, files: Files, within: tuple[str, ...]) -> Iterator[Linted]:
    for number, raw in enumerate(source.data.decode("utf-8", "replace").split("\n"), 1):
        place, line = Place(source.file, number), raw.partition("#")[0].strip()
        words = line.split()
        if not words or words[0] == "hwcap":
            continue
        if words[0] != "include":
            directory = line.partition("=")[0].strip()
            if directory.startswith("/") and (because := files(directory)):
                mend = f"take it out, or chown root:root {directory} && chmod go-w {directory}; and then run ldconfig"
                yield bad("loader-open", place, _of_others(directory, because), mend)
            continue
        for pattern in words[1:]:
            try:
                included = look(pattern if pattern.startswith("/") else f"{source.file.rpartition('/')[0]}/{pattern}")
            except OSError as fault:
                yield unknown("unreadable", place, f"what it includes cannot be judged: {fault}", "run pam-lint as root")
                continue
            for one in included:
                if one.file not in within and len(within) < DEEPEST:
                    yield from _of_file(one, look, files, (*within, one.file))


def links(settings: Callable[[str], str | None]) -> Iterator[Linted]:
    """Yield findings if links that people create can mislead root's programs. ``settings`` returns the value of a kernel setting,
    or None if there is no such setting.
    """
    for name in LINKS:
        place, value = Place(f"/proc/sys/fs/{name}"), settings(name)
        mend = f"echo fs.{name} = 1 >> /etc/sysctl.d/60-links.conf && sysctl -w fs.{name}=1"
        if value is None:
            told = f"it is not known whether the kernel refuses to follow links of others: fs.{name} cannot be read"
            yield unknown("links-unprotected", place, told, "see that /proc/sys is mounted")
        elif value.strip() in ("", "0"):
            told = (
                "a program that runs as root follows anybody's link in /tmp to any file"
                if name == LINKS[0]
                else "anybody can make a hard link to root's program, and still run the old one by it after an upgrade"
            )
            yield weak("links-unprotected", place, f"with fs.{name} = 0 {told}", mend)
