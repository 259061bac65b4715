# SPDX-License-Identifier: Apache-2.0
"""The kind ``sudoers``: lines of sudoers(5) for one account. The lines for the account are in a separate file in sudo's include
directory.

Law: sudo reads a file of jitd only after the file is complete and visudo has checked it. Sources: sudoers(5) "Including other
files", visudo(8).
"""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jitd import extensions
from jitd.beside.starting import say
from jitd.core.toml_table import Table, quoted
from jitd.files.durable import opened, sync, write
from jitd_things.givers import executing, sudo_processes
from jitd_things.givers.kind import HOLDING, Failed, Given, Kind, Order, Refused, Seen, State, Strays, Taken, checked_holding
from jitd_things.givers.settings import GiverSettings
from jitd_things.givers.sudoers_lines import ways_of_line

MOST_LINES = 32
LONGEST_LINE = 1000
SUDOERS, DIRECTORY = Path("/etc/sudoers"), Path("/etc/sudoers.d")
VISUDO = "/usr/sbin/visudo"
PREFIX = "jitd_"
SOMEBODY = "#4294967294"  # stands for the person, whose uid is not known
HEAD = "# Written by jitd for the holding {holding} of {thing}. jitd removes this file when the grant ends.\n"
_AT_END = "when it ends, every sudo of this person ends, with what it has started, unless jitd has let it in at a gate of sudo"
_NAME = re.compile(PREFIX + r"(.{9})(?:_([0-9]{1,9}))?", re.ASCII)
MOST_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Sudoers(GiverSettings):
    """Lines of sudoers(5), without the name of the person. jitd puts the name before each line."""

    KIND = "sudoers"
    KEYS = ("lines",)
    IS_ONE_FOR_ALL = True

    lines: tuple[str, ...] = ()

    @classmethod
    def read(cls, table: Table) -> dict[str, object]:
        table.needs("lines")
        lines = table.words("lines", (), _read_line)
        if len(lines) > MOST_LINES:
            table.fault(f'"lines" has more than {MOST_LINES} lines', "lines")
        return {"lines": lines}

    def sentences(self) -> tuple[str, ...]:
        return (*(f"run by sudo: {line}" for line in self.lines), _AT_END)

    def ways_to_root(self) -> Iterator[str]:
        for line in self.lines:
            yield from ways_of_line(line, extensions.grader())

    def faults(self) -> Iterator[str]:
        if os.access(VISUDO, os.X_OK):
            text = "".join(f"{SOMEBODY} {line}\n" for line in self.lines)
            ended = executing.run([VISUDO, "-c", "-f", "-"], text.encode("ascii"))
            if ended.status:
                yield f"visudo refuses its lines: {ended.said}"

    def deeds(self) -> Kind:
        return SudoersLines(self)


def _read_line(word: str) -> str:
    if not word.isprintable() or not word.isascii() or len(word) > LONGEST_LINE:
        raise ValueError(f"a line must be printable ASCII, at most {LONGEST_LINE} characters")
    if "=" not in word or word.rstrip().endswith("\\") or word.lstrip().startswith(("#", "@", "Defaults")):
        raise ValueError(f"{quoted(word)} is not a line of sudoers without the person's name, such as ALL=(root) /usr/bin/id")
    return word.strip()


# --- the deeds ---------------------------------------------------------------------------------------------------------------


class _NotOurs(Exception):
    """A file is in the place of jitd's own. The text says where, and what to do."""


class _StillLives(Exception):
    """A sudo that may have read the lines has not ended. The text is a sentence."""


class SudoersLines:
    """Gives the lines of ``giver`` as a file in ``directory``. The file ``sudoers`` has to include this directory."""

    def __init__(self, giver: Sudoers, sudoers: Path = SUDOERS, directory: Path = DIRECTORY) -> None:
        self._giver = giver
        self._sudoers = sudoers
        self._directory = directory

    def give(self, order: Order) -> Given | Refused | Failed:
        if order.uid == 0:
            return Refused("root needs no lines of sudoers")
        if _name_of(order.uid) != order.account:
            return Refused(f"the account {order.account} with the uid {order.uid} is not there any more")
        if why := self._fault():
            return Refused(why)
        place, content = self._place(order.holding), self._content(order)
        found = _content_of(place)
        if found == content and _is_roots(place):
            return self._given()
        if found is not None and not self._is_ours(found, order.holding):
            return Refused(f"{place} is there already, and jitd did not write it: move it away")
        new = self._new(place)
        try:
            write(new, content, 0o440)
            if (fault := self._check(new)) is not None:
                return Refused(f"visudo refuses the lines of [givers.{order.name}]: {fault}")
            os.rename(new, place)
            sync(self._directory)
        finally:
            _remove(new)
        if (fault := self._check(self._sudoers)) is not None:
            place.unlink()
            sync(self._directory)
            return Refused(f"visudo refuses {self._sudoers} with the lines of [givers.{order.name}]: {fault}")
        return self._given()

    def take(self, order: Order) -> Taken | Refused | Failed:
        """See ``Kind.take``. Each sudo of the account is ended, but for those that jitd has let in at a gate."""
        place = self._place(order.holding)
        faults: list[str] = []
        unremoved: list[str] = []
        left: list[str] = []
        steps = (
            (partial(self._end, place, order.holding), faults),
            (partial(self._end_sudos, order, left), faults),
            (self._sync, faults),
            (partial(_remove, self._new(place)), unremoved),
        )
        for step, failed in steps:
            try:
                step()
            except (_NotOurs, _StillLives) as fault:
                failed.append(str(fault))
            except OSError as fault:
                failed.append(f"{fault.filename or self._directory}: {fault.strerror}")
        told = "; ".join([*faults, *left, *(f"not removed: {each}" for each in unremoved)])
        return Failed(told) if faults else Taken(told)

    def _end(self, place: Path, holding: str) -> None:
        """Remove the file that sudo reads. Raises _NotOurs and OSError."""
        found = _content_of(place)
        if found is not None and not self._is_ours(found, holding):
            raise _NotOurs(f"{place} is no longer the file that jitd wrote: look at it, and remove it if nobody wants it")
        _remove(place)

    def _end_sudos(self, order: Order, left: list[str]) -> None:
        """End each sudo that may have read the lines. ``left`` gets what they started. Raises _StillLives and OSError."""
        killed = sudo_processes.end(order.uid, order.let_in)
        if killed.ended:
            pids = ", ".join(map(str, killed.ended))
            say("jitd-givers", f"with {order.holding} (sudoers:{order.name}), sudo of {order.account} has ended: process {pids}")
        if killed.others:
            left.append(f"not ended: what a sudo has started (process {killed.others[0]})")
        if killed.sudos:
            raise _StillLives(f"a sudo cannot be ended (process {killed.sudos[0]}): check what it is doing")
        if killed.unread:
            raise _StillLives(f"process {killed.unread[0]} cannot be read in /proc: end it if it is a sudo of {order.account}")

    def _sync(self) -> None:
        with suppress(FileNotFoundError):
            sync(self._directory)

    def look(self, order: Order) -> Seen | Failed:
        place = self._place(order.holding)
        found = _content_of(place)
        if found is None:
            return Seen(State.GONE, f"{place} is gone")
        if found != self._content(order):
            return Seen(State.CHANGED, f"{place} does not have the lines of [givers.{order.name}]")
        if not _is_roots(place):
            return Seen(State.CHANGED, f"{place} does not belong to root, or its mode is not 0440")
        if (name := _name_of(order.uid)) not in ("", order.account):  # an empty name: perhaps a directory does not answer
            return Seen(State.CHANGED, f"{place} is for {order.account}, but its uid {order.uid} is the account {name} now")
        return Seen(State.STANDS)

    def strays(self, orders: Sequence[Order]) -> Strays | Failed:
        try:
            names = os.listdir(self._directory)
        except FileNotFoundError:
            return Strays()
        wanted, found = {order.holding for order in orders}, []
        for name in sorted(names):
            holding = _holding_of(name)
            if holding is None or holding in wanted:
                continue
            content = _content_of(self._directory / name)
            if content is not None and content.startswith(self._head(holding)):
                found.append(holding)
        return Strays(tuple(found))

    # --- what stands where ---------------------------------------------------------------------------------------------------

    def _given(self) -> Given:
        return Given(f"sudo permits you now: {'; '.join(self._giver.lines)}")

    def _fault(self) -> str:
        if not os.access(VISUDO, os.X_OK):
            return f"this host has no {VISUDO}: install sudo"
        included = re.compile(rf'^[@#]includedir[ \t]+"?{re.escape(str(self._directory))}/?"?[ \t]*$', re.MULTILINE)
        try:
            if not included.search(self._sudoers.read_text("utf-8", "replace")):
                return f"{self._sudoers} does not read {self._directory}: it needs the line @includedir {self._directory}"
        except OSError as fault:
            return f"{self._sudoers} cannot be read: {fault.strerror}"
        if (said := self._check(self._sudoers)) is not None:
            return f"visudo refuses {self._sudoers} as it is: {said}"
        return ""

    def _check(self, file: Path) -> str | None:
        """Return the complaint of visudo about ``file`` and what it includes, or None."""
        ended = executing.run([VISUDO, "-c", "-f", str(file)])
        return None if ended.status == 0 else ended.said or f"status {ended.status}"

    def _place(self, holding: str) -> Path:
        return self._directory / f"{PREFIX}{checked_holding(holding).replace('.', '_')}"

    def _new(self, place: Path) -> Path:
        return self._directory / f".{place.name}.new"  # sudo ignores file names with a dot

    def _head(self, holding: str) -> bytes:
        return HEAD.format(holding=holding, thing=f"sudoers:{self._giver.name}").encode("ascii")

    def _content(self, order: Order) -> bytes:
        """The account is named by its uid, which cannot be mistaken for the name of an account."""
        return self._head(order.holding) + "".join(f"#{order.uid} {line}\n" for line in self._giver.lines).encode("ascii")

    def _is_ours(self, content: bytes, holding: str) -> bool:
        return content.startswith(self._head(holding))


def _holding_of(name: str) -> str | None:
    """Return the holding of a file that jitd has made. Return None for all other names."""
    found = _NAME.fullmatch(name)
    holding = "" if found is None else found[1] if found[2] is None else f"{found[1]}.{found[2]}"
    return holding if HOLDING.fullmatch(holding) else None


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


def _content_of(file: Path) -> bytes | None:
    """Return None if the file does not exist, and empty bytes if it is not a regular file. Raises OSError."""
    try:
        stream = opened(file)
    except FileNotFoundError:
        return None
    except OSError:
        return b"" if os.path.lexists(file) else None
    with stream:
        return stream.read(MOST_BYTES) if os.path.isfile(file) else b""


def _remove(file: Path) -> None:
    with suppress(FileNotFoundError):
        file.unlink()


def _is_roots(file: Path) -> bool:
    status = os.stat(file, follow_symlinks=False)
    return status.st_uid == 0 and status.st_gid == 0 and status.st_mode & 0o7777 == 0o440
