# SPDX-License-Identifier: Apache-2.0
"""What was typed becomes a command: whom to run as, which file, in which directory, with which variables.

Law: only what the host says is taken for a fact; nothing is opened, and a name that leads nowhere is told only to who could see
that for themselves. It may block, and is called in a worker.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace

from jitd.core.command import Command, Pairs
from jitd.core.deed import deed_of
from jitd.core.environment import fault_in_locale, fault_in_variables, split_locale
from jitd.core.subject import Subject
from jitd.deciding import accounts
from jitd.files import inspection, path_lookup
from jitpam.wire.notation import encode_basestring_ascii
from jitpam.wire.shown import pieces, shown

MOST_SHOWN = 3 * 1024 * 1024
"""Bytes of a command as it is shown: with all else there is to say of it, it has to fit into one frame (PROTOCOL.md section
2).
"""
_MOST_LETTERS = 6
"""Bytes that one byte can take in a frame, or in a record of the chain: ``\\u0001``."""
NOTHING = b""
"""Where a name leads that leads nowhere."""
SHELL = "/bin/sh"
"""The shell of an account that names none (passwd(5))."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asked for, in its own words.

    ``user`` and ``group`` None stand for the default; with ``login`` the words are the login shell's; ``chdir``: the directory
    was asked for; ``preserved`` is all else of the client's environment; with ``is_bare`` there is no command to be found, and
    the words are what there is to show. ``leads_to`` is where the first word was seen to lead a moment ago, with its directories
    resolved: what leads elsewhere by now is refused. ``anew``: whatever was granted before does not answer it. ``unseen`` is what
    is asked where nothing is at a path that the requester cannot see: where it is denied, the ``doubt`` would tell what is there.
    ``gives`` and ``stays``: see ``core.command.Command``.
    """

    argv: tuple[bytes, ...]
    login: bool
    user: str | None
    group: str | None
    cwd: bytes
    cwd_device: int
    cwd_inode: int
    chdir: bool
    variables: Pairs
    preserved: Pairs
    locale: Pairs
    streams: tuple[str, ...]
    reason: str | None
    lasts_for: int | None
    uses: int | None
    timeout_for: int | None
    is_bare: bool = False
    anew: bool = False
    options: tuple[bytes, ...] = ()
    doubt: str = ""
    leads_to: bytes | None = None
    unseen: Asked | None = None
    gives: bool = False
    stays: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """The command, without its file's digest. ``names`` are other names of that file.

    ``complaint`` is a sentence where the requester may know that it is missing; so is ``unfit`` where it is there and nothing
    that could be executed, and the requester may know that if there is a complaint too.
    """

    command: Command
    is_own_group: bool
    is_missing: bool
    complaint: str = ""
    unfit: str = ""
    names: tuple[bytes, ...] = ()


class Nonsense(Exception):
    """What was asked makes no sense for any requester: a sentence."""


def find(
    asked: Asked,
    who: Subject,
    service: str,
    search_path: str,
    permits: Callable[[Found], bool],
    glance: path_lookup.Look | None = None,
) -> Found:
    """Find the command that ``who`` means, as a part of the look ``glance``. Raises Nonsense.

    Where ``who`` cannot see what was typed, it is looked for only if a rule ``permits`` the path as it was typed: else it is
    missing, whether it is there or not, and nothing was looked at that could tell by an answer or by the time that it takes. A
    link on the way that they cannot see is not followed for them.
    """
    _refuse_nonsense(asked)
    if asked.gives:
        return _thing(asked, who)
    glance = glance or path_lookup.Look()
    try:
        target = accounts.target(asked.user, asked.group, who.user)
        run_as = accounts.run_as(target, asked.group)
    except accounts.NoSuchAccount as fault:
        typed = [f"{option} {shown(name)}" for option, name in (("-u", asked.user), ("-g", asked.group)) if name]
        raise Nonsense(f"{' '.join(typed)}: {fault}" if typed else str(fault)) from None
    is_own_group = target.pw_gid == run_as.gid
    name, argv = asked.argv[0] if asked.argv else b"", asked.argv
    if asked.login:
        name = os.fsencode(target.pw_shell or SHELL)
        argv = (b"-" + os.path.basename(name), *asked.argv)
    variables, locale = split_locale(asked.variables, asked.locale)
    command = Command(
        argv=argv,
        path=name,
        digest=b"",
        run_as=run_as,
        cwd=asked.cwd,
        cwd_device=asked.cwd_device,
        cwd_inode=asked.cwd_inode,
        variables=variables,
        locale=locale,
        streams=asked.streams,
        options=asked.options,
        doubt=asked.doubt,
        chdir=asked.chdir,
    )
    if asked.is_bare:
        return Found(replace(command, path=b""), is_own_group, is_missing=False)
    if asked.login and not asked.chdir:
        command = _at_home(command, os.fsencode(target.pw_dir))
    unseen = _beyond_sight(asked, who, glance)
    if unseen is not None and not permits(Found(replace(command, path=unseen), is_own_group, is_missing=False)):
        return Found(command, is_own_group, is_missing=True)
    try:
        path = path_lookup.resolve(name, asked.cwd, search_path.encode(), glance)
        if unseen is not None and path != unseen:
            raise inspection.Uninspectable("it is called by another name there", looked_at=(unseen,))
        if asked.leads_to not in (None, path):
            raise Nonsense("what it names was changed while jitd looked at it: ask again")
        unfit = path_lookup.unfitness(path, run_as.uid, lambda: accounts.group_ids(run_as.user, run_as.gid), glance)
    except inspection.Uninspectable as fault:
        # What is not for this person to know has to get the answer of a path that no rule permits.
        complaint = f"{shown(name)}: {fault}" if can_see(who, glance, *fault.looked_at) else ""
        return Found(command, is_own_group, is_missing=True, complaint=complaint, unfit=str(fault) if fault.is_unfit else "")
    complaint = f"{shown(name)}: {unfit}" if unfit and can_see(who, glance, path) else ""
    names = path_lookup.names_of(path, glance)
    if b"/" in name:
        names = (os.path.normpath(os.path.join(asked.cwd, name)), *names)
    command = replace(command, path=path, argv=_named(argv, path, service))
    return Found(command, is_own_group, is_missing=False, complaint=complaint, unfit=unfit, names=names)


def _thing(asked: Asked, who: Subject) -> Found:
    """A thing that ``who`` asks to have: there is no file to find, and it is for their own account."""
    try:
        run_as = accounts.run_as(accounts.target(who.user, None, who.user), None)
    except accounts.NoSuchAccount as fault:
        raise Nonsense(str(fault)) from None
    command = Command(
        argv=asked.argv,
        path=b"",
        digest=b"",
        run_as=run_as,
        cwd=asked.cwd,
        cwd_device=0,
        cwd_inode=0,
        variables=(),
        locale=(),
        streams=(),
        gives=True,
        stays=asked.stays,
    )
    return Found(command, is_own_group=True, is_missing=False)


def _named(argv: tuple[bytes, ...], path: bytes, service: str) -> tuple[bytes, ...]:
    """``argv`` as it is executed: programs look for their libraries beside what they are called, so a path is the one that was
    resolved, and not one that leads there through links of somebody's. A program that runs the command itself has its own way.
    """
    return (path, *argv[1:]) if deed_of(service).is_executed and b"/" in argv[0] else argv


def _beyond_sight(asked: Asked, who: Subject, glance: path_lookup.Look) -> bytes | None:
    """The path that was typed, as far as ``who`` can resolve it, where they cannot see what is at its end."""
    if asked.login or b"/" not in asked.argv[0]:
        return None
    return path_lookup.beyond_sight(os.path.join(asked.cwd, asked.argv[0]), who.uid, accounts.Groups(who.user, who.gid), glance)


def can_see(who: Subject, glance: path_lookup.Look, *paths: bytes) -> bool:
    """True if ``who`` could find out alone what is, or is not, at each of ``paths``."""
    groups = accounts.Groups(who.user, who.gid)
    return all(path_lookup.is_visible_absence(path, who.uid, groups, None, glance) for path in paths)


def is_in_sight(asked: Asked, path: bytes, who: Subject, glance: path_lookup.Look) -> bool:
    """True if ``who`` could find out alone what ``path`` is, and how what was typed leads to it (THREATS S-11)."""
    if asked.login or asked.is_bare or asked.gives:
        return True  # the shell that the account has: it stands in passwd
    typed = (os.path.join(asked.cwd, asked.argv[0]),) if b"/" in asked.argv[0] else ()
    return can_see(who, glance, *typed, path)


def in_directory(command: Command, cwd: bytes) -> Command:
    """``command`` bound to the directory that ``cwd`` is now. Whether its account may enter it shows when it does. Raises
    OSError.
    """
    status = os.stat(cwd)
    return replace(command, cwd=cwd, cwd_device=status.st_dev, cwd_inode=status.st_ino, chdir=True)


def without_home(asked: Asked, command: Command, who: Subject, glance: path_lookup.Look) -> Command:
    """``command`` as it is told where it is denied: without a word of whether the home directory is there in which a login would
    begin, where ``who`` cannot see that.
    """
    if not asked.login or asked.chdir:
        return command
    home = os.fsencode(accounts.entry_of(f"#{command.run_as.uid}").pw_dir)
    return command if can_see(who, glance, home) else replace(command, cwd=home, cwd_device=0, cwd_inode=0, chdir=True)


def _at_home(command: Command, home: bytes) -> Command:
    """A login begins in the home directory; where there is none it begins where it was asked for, as sudo's does."""
    try:
        return in_directory(command, home)
    except OSError:
        return command


def _refuse_nonsense(asked: Asked) -> None:
    if not asked.login and (not asked.argv or not asked.argv[0]):
        raise Nonsense("there is no command")
    if any(b"\0" in part for part in (*asked.argv, asked.cwd)):
        raise Nonsense("a command cannot hold NUL bytes")
    if not asked.cwd.startswith(b"/"):
        raise Nonsense("the working directory is not an absolute path")
    if not _can_be_shown(asked):
        raise Nonsense("it is too long to be shown to anybody: a request has at most 3 MiB as it is shown, escapes included")
    fault = fault_in_locale(asked.locale) or fault_in_variables(asked.variables)
    if fault:
        raise Nonsense(fault)


def _can_be_shown(asked: Asked) -> bool:
    """True if a reviewer can be shown all of it: one request that breaks a list would hide all others."""
    pairs = (part for pair in (*asked.variables, *asked.preserved, *asked.locale) for part in pair)
    parts = (
        *asked.argv,
        *asked.argv[:1],
        asked.cwd,
        *pairs,
        *asked.options,
        asked.doubt.encode(),
    )  # the name twice: its path may be as long
    if sum(len(part) + 3 for part in parts) * _MOST_LETTERS <= MOST_SHOWN:
        return True
    left = MOST_SHOWN
    for part in parts:
        left -= 3
        for piece in pieces(part):
            left -= len(encode_basestring_ascii(piece)) - 2
            if left < 0:
                return False
    return left >= 0
