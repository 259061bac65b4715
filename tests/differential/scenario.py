# SPDX-License-Identifier: Apache-2.0
"""What a row of the tables is, and how two runs of it are compared.

Law: a row that names a difference fails as soon as there is none; a difference has a name that stands in jitsudo(1).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.platforms import is_newest

SLATE = "Inheritance"
STATUS = "Exit status"
GIVEN = "Groups"
ENVIRONMENTS = "Environment"
VARIABLES = "Variables"
PATHS = "Paths"
LEFTOVERS = "Leftovers"
REFUSED = "Options"
STREAMS = "Streams"
DIRECTORY = "Directory"
NEWLINES = "Newlines"
TIMEOUT = "Time limit"
LEASES = "Leases"
LISTS = "Lists"
SIGNALS = "Signals"
EDITS = "Edits"
DIFFERENCES = (
    SLATE, STATUS, GIVEN, ENVIRONMENTS, VARIABLES, PATHS, LEFTOVERS, REFUSED, STREAMS, DIRECTORY, NEWLINES, TIMEOUT, LEASES,
    LISTS, SIGNALS, EDITS,
)  # fmt: skip
"""Where we differ on purpose, by the names of jitsudo(1), DIFFERENCES FROM SUDO."""

IS_NEWER_SUDO = is_newest("sudo")
"""Debian 13 has it: sudo 1.9.16. The other one, 1.9.13, is that of Debian 12."""


def if_newer(**differs: Any) -> dict[str, Any]:
    """The fields of a row of which only the newer sudo does otherwise than we do."""
    return differs if IS_NEWER_SUDO else {}


COMPARED = ("status", "out", "err", "speaks", "terminal", "modes", "stops", "after", "files")
OWN_LINE = re.compile(r"^(?:jitsudo|sudo|asroot|/usr/bin/sudo): [^\n]*\n|^usage: sudo -h.*\Z", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Row:
    """One scenario. ``words`` follow the tool's name; or ``line`` is read by ``shell``, where ``asroot`` is the tool."""

    name: str
    words: tuple[str | bytes, ...] = ()
    line: str | None = None
    shell: tuple[str, ...] = ("/bin/bash", "--norc", "--noprofile")
    streams: str = "null pipe pipe"
    input: bytes = b""
    env: dict[str, str] = field(default_factory=dict)
    around: dict[str, Any] = field(default_factory=dict)
    steps: tuple[tuple[Any, ...], ...] = ()
    before: str = ""
    after: str = ""
    ignores: tuple[str, ...] = ()
    mask: str = ""
    """What this matches in texts is no part of the comparison, such as numbers of processes."""
    drops: str = ""
    """What this matches in texts is taken out: what the kernel or the shell adds by chance."""
    ours: dict[str, Any] = field(default_factory=dict)
    """Field → what ours is, where it is another than sudo's: a value, or a question to it."""
    because: str = ""
    """The name of the difference (``DIFFERENCES``), if there is one."""
    by_name: dict[str, str | None] | None = None
    """The output is lines of names and values, and each name is compared by itself. Name → what ours ends with, where it is
    another than sudo's; None where ours has none."""
    refused: int | None = None
    """The status with which we refuse what sudo refuses with 1."""


CALLER = {"HOME": "/home/alice", "USER": "alice", "LOGNAME": "alice", "SHELL": "/bin/bash", "LANG": "C.UTF-8", "TERM": "xterm"}


def to_play(row: Row, place: str) -> dict[str, Any]:
    """The row as the stagehand takes it. ``%W`` is the working directory, and ``%R`` a path of root's;
    ``{tool}`` stands for the tool itself.
    """
    roots = place.replace("/stage/", "/edits/")

    def text(value: str | bytes) -> str:
        data = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
        return data.replace(b"%W", place.encode()).replace(b"%R", roots.encode()).decode("latin-1")

    played: dict[str, Any] = {
        "place": place,
        "words": [text(word) for word in row.words],
        "streams": row.streams.split(),
        "input": row.input.decode("latin-1"),
        "environment": {text(k): text(v) for k, v in {**CALLER, **row.env}.items() if v is not None},
        "around": row.around,
        "steps": [[text(part) if isinstance(part, str | bytes) else part for part in step] for step in row.steps],
        "before": row.before.replace("%W", place).replace("%R", roots),
        "after": row.after.replace("%W", place).replace("%R", roots),
    }
    if row.line is not None:
        played["line"] = text(row.line)
        played["shell"] = row.shell
    return played


WRITTEN = re.compile(r"^jitsudo: written; to take it back: jitsudo -e --undo [A-Z0-9-]{9}\n", re.MULTILINE)
"""What jitsudo says when an edit was written; sudo says nothing (EDITS)."""


def read(seen: dict[str, Any], row: Row) -> dict[str, Any]:
    """What was seen, with the tool's own lines apart and what is masked taken out."""
    found = dict(seen)
    err = found.get("err", "")
    err = WRITTEN.sub("", err)
    rest = OWN_LINE.sub("", err)
    found["own"] = err if rest != err else ""
    found["err"] = rest
    found["speaks"] = rest != err
    for pattern, instead in ((row.drops, ""), (row.mask, "#")):
        for name in ("out", "err", "terminal", "after") if pattern else ():
            found[name] = re.sub(pattern, instead, found.get(name, ""))
    return found


def named(out: str) -> dict[str, str]:
    """Name → its line: of ``b'name=value'``, of ``name: value``, and of a column of names that two spaces end."""
    return {re.split(r"=|:|  ", line.removeprefix("b'").removeprefix('b"'), maxsplit=1)[0]: line for line in out.splitlines()}


def compare_by_name(names: dict[str, str | None], theirs: dict[str, str], ours: dict[str, str]) -> list[str]:
    """Each name whose line is not what the row says."""
    faults = []
    for name in sorted({*names, *theirs, *ours}):
        told = f"{name}: sudo {theirs.get(name)!r}, jitsudo {ours.get(name)!r}"
        if name not in names:
            if theirs.get(name) != ours.get(name):
                faults.append(told)
            continue
        wanted, found = names[name], ours.get(name)
        if found == theirs.get(name):
            faults.append(f"{told}: no difference any more")
        elif found is not None if wanted is None else found is None or not found.endswith(wanted):
            faults.append(f"{told}, where ours was to be {wanted!r}")
    return faults


def compare(row: Row, seen: dict[str, dict[str, Any]], place: str) -> list[str]:
    """Every way in which the two runs are not what the row says."""
    theirs, ours = read(seen["sudo"], row), read(seen["jitsudo"], row)
    assert (not row.ours and not row.by_name) == (not row.because), "a difference has a value and a name"
    assert not row.because or row.because in DIFFERENCES, row.because
    faults = []
    if row.refused is not None and (theirs["status"], ours["status"]) != (1, row.refused):
        faults.append(f"status: sudo {theirs['status']}, jitsudo {ours['status']}, where both were to refuse")
    if row.by_name is not None:
        faults += compare_by_name(row.by_name, named(theirs["out"]), named(ours["out"]))
    for name in COMPARED:
        if name == "out" and row.by_name is not None:
            continue
        if name in row.ours:
            wanted = row.ours[name]
            if isinstance(wanted, str):
                wanted = wanted.replace("%W", place)
            if not (wanted(ours.get(name)) if isinstance(wanted, Callable) else wanted == ours.get(name)):  # type: ignore[arg-type]
                faults.append(f"{name}: jitsudo {ours.get(name)!r}, which is not what the row says; sudo {theirs.get(name)!r}")
            elif theirs.get(name) == ours.get(name):
                faults.append(f"{name}: no difference any more: {ours.get(name)!r}")
        elif (
            name not in row.ignores and not (name == "status" and row.refused is not None) and theirs.get(name) != ours.get(name)
        ):
            faults.append(f"{name}: sudo {theirs.get(name)!r}, jitsudo {ours.get(name)!r}")
    for which, found in (("sudo", theirs), ("jitsudo", ours)):
        if isinstance(found["status"], str):
            faults.append(f"{which}: {found['status']}")
    if faults:
        faults += [f"sudo said {theirs['own']!r}", f"jitsudo said {ours['own']!r}"]
    return faults
