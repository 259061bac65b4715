# SPDX-License-Identifier: Apache-2.0
"""Turns what was typed into a command: the account to run as, the file, the directory and the variables.

Law: only what the host says is taken for a fact. No file is opened. A person is told that nothing is at a path only if they could
see that for themselves. Calls may block, and are made in a worker.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from jitd.core.command import Command, Pairs
from jitd.core.deed import deed_of
from jitd.core.environment import fault_in_locale, fault_in_variables, split_locale
from jitd.core.origin import Caller
from jitd.core.subject import Subject
from jitd.deciding import accounts
from jitd.files import inspection, path_lookup
from jitpam.wire.notation import encode_basestring_ascii
from jitpam.wire.shown import pieces, shown

MOST_SHOWN = 3 * 1024 * 1024
"""Size in bytes of the largest command, as it is shown. With everything else that is said of the command, it has to fit into one
frame (PROTOCOL.md section 2).
"""
_MOST_LETTERS = 6
"""How many bytes one byte can take in a frame, or in a record of the chain: ``\\u0001``."""
NOTHING = b""
"""The value of ``leads_to`` for a name that leads nowhere."""
SHELL = "/bin/sh"
"""The shell of an account for which passwd(5) names none."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asked for, in the client's own words.

    ``user`` and ``group``: None stands for the default. ``login``: a login shell is to run, and ``argv`` are its arguments.
    ``chdir``: the client asked for the directory. ``preserved``: all other variables of the client's environment. ``is_bare``:
    there is no command to look up; ``argv`` is only shown. ``leads_to``: the path that the first word led to a moment ago, its
    directories resolved; the request is refused if the word leads elsewhere by now. ``anew``: no earlier grant may answer this
    request. ``unseen``: a second question, without the ``doubt``. If the second question is denied, that denial is the answer:
    the ``doubt`` would tell what is at a path that the requester cannot see. ``gives`` and ``stays``: see
    ``core.command.Command``. ``tty``: the terminal that the client claims to be on. ``caller``: the process that asks.
    ``starts_at``: when the grant is to begin; None: when it is approved.
    ``breaks_glass``: it is asked by ``--break-glass``.
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
    tty: bytes | None = None
    caller: Caller | None = None
    starts_at: datetime | None = None
    breaks_glass: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """The command, without the digest of its file. ``names`` are other names of that file.

    ``complaint`` is a sentence if the file is missing and the requester may know that. ``unfit`` is a sentence if something is
    there that cannot be executed; the requester may know that only if there is a complaint too.
    """

    command: Command
    is_own_group: bool
    is_missing: bool
    complaint: str = ""
    unfit: str = ""
    names: tuple[bytes, ...] = ()


class Nonsense(Exception):
    """What was asked for makes no sense for any requester. The text is a sentence."""


def find(
    asked: Asked,
    who: Subject,
    service: str,
    search_path: str,
    permits: Callable[[Found], bool],
    glance: path_lookup.Look | None = None,
) -> Found:
    """Find the command that ``who`` means, as a part of the look ``glance``. Raises Nonsense.

    If ``who`` cannot see what is at the typed path, the path is looked up only if a rule ``permits`` the path as typed. Otherwise
    the command counts as missing. Then neither the answer nor the time that it takes tells whether the file exists. A link that
    ``who`` cannot see is not followed.
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
            raise inspection.Uninspectable("jitd finds it under another path", looked_at=(unseen,))
        if asked.leads_to not in (None, path):
            raise Nonsense("what it names was changed while jitd looked at it: ask again")
        unfit = path_lookup.unfitness(path, run_as.uid, lambda: accounts.group_ids(run_as.user, run_as.gid), glance)
    except inspection.Uninspectable as fault:
        # If this person may not know that, the answer has to be the one for a path that no rule permits.
        complaint = f"{shown(name)}: {fault}" if can_see(who, glance, *fault.looked_at) else ""
        return Found(command, is_own_group, is_missing=True, complaint=complaint, unfit=str(fault) if fault.is_unfit else "")
    complaint = f"{shown(name)}: {unfit}" if unfit and can_see(who, glance, path) else ""
    names = path_lookup.names_of(path, glance)
    if b"/" in name:
        names = (os.path.normpath(os.path.join(asked.cwd, name)), *names)
    command = replace(command, path=path, argv=_named(argv, path, service))
    return Found(command, is_own_group, is_missing=False, complaint=complaint, unfit=unfit, names=names)


def _thing(asked: Asked, who: Subject) -> Found:
    """Return the thing that ``who`` asks for. There is no file to look up, and the thing is for the account of ``who``."""
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
    """Return ``argv`` as it is executed. A path in argv[0] becomes the resolved path: programs look for their libraries near that
    path, and a link on the typed path may belong to another person. If another program runs the command itself, argv[0] stays.
    """
    return (path, *argv[1:]) if deed_of(service).is_executed and b"/" in argv[0] else argv


def _beyond_sight(asked: Asked, who: Subject, glance: path_lookup.Look) -> bytes | None:
    """Return the typed path, as far as ``who`` can resolve it. None if ``who`` can see what is at the end of the path."""
    if asked.login or b"/" not in asked.argv[0]:
        return None
    return path_lookup.beyond_sight(os.path.join(asked.cwd, asked.argv[0]), who.uid, accounts.Groups(who.user, who.gid), glance)


def can_see(who: Subject, glance: path_lookup.Look, *paths: bytes) -> bool:
    """True if ``who`` could find out without jitd whether something is at each of ``paths``."""
    groups = accounts.Groups(who.user, who.gid)
    return all(path_lookup.is_visible_absence(path, who.uid, groups, None, glance) for path in paths)


def is_in_sight(asked: Asked, path: bytes, who: Subject, glance: path_lookup.Look) -> bool:
    """True if ``who`` could find out without jitd what ``path`` is, and how the typed path leads to it (THREATS S-11)."""
    if asked.login or asked.is_bare or asked.gives:
        return True  # the shell of the account stands in passwd(5), which everybody can read
    typed = (os.path.join(asked.cwd, asked.argv[0]),) if b"/" in asked.argv[0] else ()
    return can_see(who, glance, *typed, path)


def in_directory(command: Command, cwd: bytes) -> Command:
    """Return ``command`` bound to the directory that is at ``cwd`` now. Whether the account may enter the directory shows only
    when the command starts. Raises OSError.
    """
    status = os.stat(cwd)
    return replace(command, cwd=cwd, cwd_device=status.st_dev, cwd_inode=status.st_ino, chdir=True)


def without_home(asked: Asked, command: Command, who: Subject, glance: path_lookup.Look) -> Command:
    """Return ``command`` for a denial. If a login would begin in a home directory that ``who`` cannot see, the command does not
    tell whether that directory exists.
    """
    if not asked.login or asked.chdir:
        return command
    home = os.fsencode(accounts.entry_of(f"#{command.run_as.uid}").pw_dir)
    return command if can_see(who, glance, home) else replace(command, cwd=home, cwd_device=0, cwd_inode=0, chdir=True)


def _at_home(command: Command, home: bytes) -> Command:
    """Return ``command`` in the directory ``home``, or in its own directory if ``home`` cannot be looked at, as sudo does."""
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
    """True if all of the request can be shown to a reviewer. A request too long for a list would hide all others."""
    pairs = (part for pair in (*asked.variables, *asked.preserved, *asked.locale) for part in pair)
    parts = (
        *asked.argv,
        *asked.argv[:1],
        asked.cwd,
        *pairs,
        *asked.options,
        asked.doubt.encode(),
    )  # twice, because the path may be as long as the name
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
