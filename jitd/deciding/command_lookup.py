# SPDX-License-Identifier: Apache-2.0
"""Converts the typed words into a command: the account to run as, the file, the directory and the variables.

Law: jitd takes facts only from the host, never from the client. No file is opened. jitd tells a person that a path does not
exist only if the person could also see this without jitd. Calls may block, so they are made in a worker.
"""

from __future__ import annotations

import hashlib
import os
import pwd
from collections.abc import Callable
from dataclasses import dataclass, replace

from jitd.core.asked_terms import USUAL, AskedTerms
from jitd.core.command import Command, Pairs, RunAs, together
from jitd.core.deed import deed_of
from jitd.core.edit import MOST_FILES, SUDOEDIT, Edit, Undone
from jitd.core.environment import fault_in_locale, fault_in_variables, split_locale
from jitd.core.origin import Caller
from jitd.core.script import LARGEST, is_text
from jitd.core.subject import Subject
from jitd.deciding import accounts
from jitd.files import inspection, path_lookup
from jitpam.wire.notation import encode_basestring_ascii
from jitpam.wire.shown import pieces, shown

MOST_SHOWN = 3 * 1024 * 1024  # bytes as people see it. One frame holds it and all else about the request (PROTOCOL.md 2)
_MOST_LETTERS = 6  # bytes in a frame or in a record for one byte of the command, which may be escaped
MOST_PATH = 4095  # bytes of the path of an edited file (PATH_MAX, without the NUL)
NOTHING = b""  # the value of `Asked.leads_to` if the typed name of the command does not lead to a file
SHELL = "/bin/sh"  # the shell of an account if its entry in passwd(5) names no shell


@dataclass(frozen=True, slots=True)
class Asked:
    """The original question of a client.

    ``user`` and ``group``: the account and the group to run as. If one of them is None, its default is used. ``login``: the
    client asked for a login shell, and ``argv`` contains the arguments of the shell. ``chdir``: the client asked for the
    directory ``cwd``. ``preserved``: with ``-E``, the client's environment without the variables in ``variables``. ``is_bare``:
    there is no command to look up, and jitd only shows ``argv`` to people. ``leads_to``: the path that an earlier look-up found
    for the first word, with its directories resolved. If the first word leads to another path now, the request is refused.
    ``anew``: no earlier grant is used to answer this request. ``doubt``: the reason why it is not certain which command would
    run, or empty. ``unseen``: a second question about the same command line, without the doubt. It is set only if there is a
    ``doubt`` and the requester cannot see all paths of the command line. If both questions are denied, jitd sends the denial of
    ``unseen``, because the text of ``doubt`` could reveal what exists at these paths. ``gives``, ``stays``, ``brought`` and
    ``lets``: see ``core.command.Command``. ``tty``: the terminal on which the client claims to be. ``caller``: the process that
    sent the request. ``breaks_glass``: the client used ``--break-glass``. ``text``: the text that a file is to have. Then
    ``argv`` is SUDOEDIT and the path of the file. It is None if no file is edited. ``base``: the SHA-256 of the text
    from which it was made, or empty. ``undone``: the edit that is taken back, if one is. ``texts``, ``bases`` and ``undones``:
    the same of each file, if several are edited together. Then ``argv`` is SUDOEDIT and their paths, and ``text`` is all texts in
    one. ``file``: the path that sudo has resolved and will execute, if its plugin asks. Otherwise it is empty. If it is set,
    sudoers has decided about ``variables``.
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
    terms: AskedTerms
    is_bare: bool = False
    anew: bool = False
    options: tuple[bytes, ...] = ()
    doubt: str = ""
    leads_to: bytes | None = None
    unseen: Asked | None = None
    gives: bool = False
    stays: bool = False
    brought: str = ""
    lets: tuple[str, ...] = ()
    tty: bytes | None = None
    caller: Caller | None = None
    breaks_glass: bool = False
    text: bytes | None = None
    base: bytes = b""
    undone: Undone | None = None
    texts: tuple[bytes, ...] = ()
    bases: tuple[bytes, ...] = ()
    undones: tuple[Undone | None, ...] = ()
    file: bytes = b""
    asks_people: bool = True
    """Whether people are asked for an approval that a gate owes. Its program may have been told to ask nobody (``sudo -n``)."""

    @property
    def name(self) -> bytes:
        """The name by which the file of the command is looked for."""
        return self.file or (self.argv[0] if self.argv else b"")


NO_COMMAND = Asked(
    argv=(),
    login=False,
    user=None,
    group=None,
    cwd=b"/",
    cwd_device=0,
    cwd_inode=0,
    chdir=False,
    variables=(),
    preserved=(),
    locale=(),
    streams=(),
    reason=None,
    terms=USUAL,
)
"""A question without the words of a command."""


@dataclass(frozen=True, slots=True)
class Found:
    """The command, without the digest of its file. ``typed`` contains the absolute path that was typed, if it was one.

    If the file is missing or cannot be executed, ``complaint`` is a sentence that tells this to the requester. ``complaint`` is
    empty if the file has no such fault, or if the requester is not allowed to know the fault. If the path exists but cannot be
    executed, ``unfit`` is the reason. The requester may read ``unfit`` only if ``complaint`` is not empty.
    """

    command: Command
    is_own_group: bool
    is_missing: bool
    complaint: str = ""
    unfit: str = ""
    typed: tuple[bytes, ...] = ()


class Nonsense(Exception):
    """Raised if the request makes no sense for any requester. The text of the error is a sentence."""


def find(
    asked: Asked,
    who: Subject,
    service: str,
    search_path: str,
    permits: Callable[[Found], bool],
    glance: path_lookup.Look | None = None,
) -> Found:
    """Return the command that ``who`` asks for. All paths are looked up through ``glance``. Raises Nonsense.

    If ``who`` cannot see what exists at the typed path, the function first asks ``permits`` whether a rule permits this path. If
    no rule permits the path, the path is not looked up, and the command is treated as missing. Therefore neither the answer nor
    its duration reveals whether the file exists. The function does not follow links that ``who`` cannot see.
    """
    _refuse_nonsense(asked)
    if asked.gives:
        return _thing(asked, who)
    glance = glance or path_lookup.Look()
    target, run_as = _account(asked, who, service)
    is_own_group = target.pw_gid == run_as.gid
    name, argv = asked.name, asked.argv
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
        command = _at_home(command, os.fsencode(target.pw_dir), glance)
    if not asked.login and b"/" in name:
        place = os.path.normpath(os.path.join(asked.cwd, name))
        if closed := closed_directory(os.path.dirname(place), who, glance):
            unfit = f"root may not search {shown(closed)}, so jitd cannot examine the command's file"
            unread = replace(command, path=place)
            return Found(unread, is_own_group, is_missing=True, complaint=f"{shown(name)}: {unfit}", unfit=unfit)
    unseen = _beyond_sight(asked, who, glance)
    if unseen is not None and not permits(Found(replace(command, path=unseen), is_own_group, is_missing=False)):
        return Found(command, is_own_group, is_missing=True)
    try:
        path = path_lookup.resolve(name, asked.cwd, search_path.encode(), glance)
        if unseen is not None and path != unseen:
            raise inspection.Uninspectable("jitd finds it under another path", looked_at=(unseen,))
        if asked.leads_to not in (None, path):
            raise Nonsense("the path of the command was changed while jitd looked it up: ask again")
        unfit = path_lookup.unfitness(path, run_as.uid, lambda: accounts.group_ids(run_as.user, run_as.gid), glance)
    except inspection.Uninspectable as fault:
        # If this person may not know the fault, the answer has to be the same as for a path that no rule permits.
        complaint = f"{shown(name)}: {fault}" if can_see(who, glance, *fault.looked_at) else ""
        return Found(command, is_own_group, is_missing=True, complaint=complaint, unfit=str(fault) if fault.is_unfit else "")
    complaint = f"{shown(name)}: {unfit}" if unfit and can_see(who, glance, path) else ""
    typed = (os.path.join(asked.cwd, name),) if b"/" in name else ()
    command = replace(command, path=path, argv=_named(argv, path, service))
    return Found(command, is_own_group, is_missing=False, complaint=complaint, unfit=unfit, typed=typed)


def _account(asked: Asked, who: Subject, service: str) -> tuple[pwd.struct_passwd, RunAs]:
    """Return the account to run as, and with its group. Raises Nonsense."""
    try:
        target = accounts.target(asked.user, asked.group, who.user)
        if deed_of(service).is_executed:
            accounts.must_be_first_of_its_uid(target)
        return target, accounts.run_as(target, asked.group)
    except accounts.NoSuchAccount as fault:
        typed = [f"{option} {shown(name)}" for option, name in (("-u", asked.user), ("-g", asked.group)) if name]
        raise Nonsense(f"{' '.join(typed)}: {fault}" if typed else str(fault)) from None


def each_edit(asked: Asked) -> tuple[Asked, ...]:
    """Return a question for each file, if ``asked`` is about several. Otherwise return ``asked`` alone. Raises Nonsense."""
    if not asked.texts:
        return (asked,)
    paths = asked.argv[1:]
    if asked.argv[0] != SUDOEDIT or not 2 <= len(paths) <= MOST_FILES or {len(asked.texts), len(asked.bases)} != {len(paths)}:
        raise Nonsense(f"2 to {MOST_FILES} files can be edited together, each with its text")
    if len(asked.text or b"") > LARGEST:
        raise Nonsense(f"the new texts have more than {LARGEST // 1024} KiB together")
    alone = replace(asked, texts=(), bases=(), undones=())
    files = zip(paths, asked.texts, asked.bases, asked.undones or (None,) * len(paths), strict=True)
    return tuple(replace(alone, argv=(SUDOEDIT, path), text=text, base=base, undone=undone) for path, text, base, undone in files)


def edit_asked(asked: Asked, who: Subject, service: str) -> Found:
    """Return the command for the edit that ``who`` asks for. The path is as it was typed, and no file was looked at: ``edit`` has
    the digest of the new text alone. Raises Nonsense.
    """
    if asked.texts:
        each = [edit_asked(one, who, service) for one in each_edit(asked)]
        return replace(each[0], command=together([one.command for one in each]))
    if len(asked.argv) != 2 or asked.argv[0] != SUDOEDIT or asked.text is None:
        raise Nonsense("an edit is for one file")
    path, text = asked.argv[1], asked.text
    if not path.startswith(b"/") or b"\0" in path or os.path.basename(path) in (b"", b".", b"..") or len(path) > MOST_PATH:
        raise Nonsense("the path of the file is not absolute, is too long, or names a directory")
    if not is_text(text) or len(text) > LARGEST:
        raise Nonsense(f"the new text is not text, or has more than {LARGEST // 1024} KiB")
    target, run_as = _account(asked, who, service)
    command = Command(
        argv=asked.argv,
        path=SUDOEDIT,
        digest=b"",
        run_as=run_as,
        cwd=b"/",
        cwd_device=0,
        cwd_inode=0,
        variables=(),
        locale=(),
        streams=asked.streams,
        edit=Edit(0, 0, 0, 0, 0, b"", hashlib.sha256(text).digest(), base=asked.base),
    )
    return Found(in_directory(command, b"/"), target.pw_gid == run_as.gid, is_missing=False)


def _thing(asked: Asked, who: Subject) -> Found:
    """There is no file to look up. The command runs as the account of ``who``."""
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
        brought=asked.brought,
        lets=asked.lets,
    )
    return Found(command, is_own_group=True, is_missing=False)


def _named(argv: tuple[bytes, ...], path: bytes, service: str) -> tuple[bytes, ...]:
    """Return ``argv`` as it is executed: a path in argv[0] is the resolved one, because programs look for libraries near it, and
    a link on the typed path may be another person's. What another program, such as sudo, will run keeps argv[0].
    """
    return (path, *argv[1:]) if deed_of(service).is_executed and b"/" in argv[0] else argv


def _beyond_sight(asked: Asked, who: Subject, glance: path_lookup.Look) -> bytes | None:
    """Resolve the typed path up to the first part that ``who`` cannot see. Return None if they can see all of it."""
    if asked.login or b"/" not in asked.name:
        return None
    return path_lookup.beyond_sight(os.path.join(asked.cwd, asked.name), who.uid, accounts.Groups(who.user, who.gid), glance)


def closed_directory(path: bytes, who: Subject, glance: path_lookup.Look) -> bytes:
    """Return the first directory of ``path`` that root may not search, if ``who`` can see it. Otherwise return ""."""
    return path_lookup.closed_to_root(path, who.uid, accounts.Groups(who.user, who.gid), glance)


def closed_beginning(command: Command, who: Subject, glance: path_lookup.Look) -> bytes:
    """Return the first directory on the way to the directory of ``command`` that is certainly closed to the process that will run
    it, if ``who`` can see it. Otherwise return "".
    """
    run_as, path = command.run_as, command.cwd
    if run_as.uid == 0:
        return closed_directory(path, who, glance)
    if not command.chdir and path_lookup.is_open_to_root(path, glance):  # the caller stands there, and it is entered as root
        return b""
    try:
        theirs = accounts.Groups(accounts.entry_of(f"#{run_as.uid}").pw_name, run_as.gid)
    except accounts.NoSuchAccount:
        return b""
    return path_lookup.closed_to(path, run_as.uid, theirs, who.uid, accounts.Groups(who.user, who.gid), glance)


def can_see(who: Subject, glance: path_lookup.Look, *paths: bytes) -> bool:
    """True if ``who`` could find out without jitd whether each path in ``paths`` exists."""
    groups = accounts.Groups(who.user, who.gid)
    return all(path_lookup.is_visible_absence(path, who.uid, groups, None, glance) for path in paths)


def is_in_sight(asked: Asked, path: bytes, who: Subject, glance: path_lookup.Look) -> bool:
    """True if ``who`` could examine ``path`` without jitd, and could also follow the typed path to ``path`` (THREATS S-11)."""
    if asked.login or asked.is_bare or asked.gives:
        return True  # the shell of the account is in passwd(5), which everybody can read
    typed = (os.path.join(asked.cwd, asked.name),) if b"/" in asked.name else ()
    return can_see(who, glance, *typed, path)


def in_directory(command: Command, cwd: bytes, glance: path_lookup.Look | None = None) -> Command:
    """Bind ``command`` to the directory that now exists at ``cwd``, and return the result. When the command starts later, jitd
    checks whether the account may enter this directory. Raises OSError.
    """
    status = path_lookup.status_of(cwd, glance or path_lookup.Look())
    return replace(command, cwd=cwd, cwd_device=status.st_dev, cwd_inode=status.st_ino, chdir=True)


def without_home(asked: Asked, command: Command, who: Subject, glance: path_lookup.Look) -> Command:
    """Return ``command`` in a form that a denial may show. If a login begins in a home directory that ``who`` cannot see, the
    returned command does not reveal whether this directory exists.
    """
    if not asked.login or asked.chdir:
        return command
    home = os.fsencode(accounts.entry_of(f"#{command.run_as.uid}").pw_dir)
    return command if can_see(who, glance, home) else replace(command, cwd=home, cwd_device=0, cwd_inode=0, chdir=True)


def _at_home(command: Command, home: bytes, glance: path_lookup.Look) -> Command:
    """If ``home`` cannot be examined, the command keeps its present directory, as with sudo."""
    try:
        return in_directory(command, home, glance)
    except OSError:
        return command


def _refuse_nonsense(asked: Asked) -> None:
    if not asked.login and (not asked.argv or not asked.argv[0]):
        raise Nonsense("there is no command")
    if any(b"\0" in part for part in (*asked.argv, asked.cwd, asked.file)):
        raise Nonsense("a command cannot hold NUL bytes")
    if not asked.cwd.startswith(b"/"):
        raise Nonsense("the working directory is not an absolute path")
    if not _can_be_shown(asked):
        raise Nonsense("the request is too long to be shown to anybody: with all escapes, it must fit into 3 MiB")
    fault = fault_in_locale(asked.locale) or fault_in_variables(asked.variables)
    if fault:
        raise Nonsense(fault)


def _can_be_shown(asked: Asked) -> bool:
    """If one request of a list were too long to be shown, a client could show no request of this list."""
    pairs = (part for pair in (*asked.variables, *asked.preserved, *asked.locale) for part in pair)
    parts = (
        *asked.argv,
        *asked.argv[:1],
        asked.file,
        asked.cwd,
        *pairs,
        *asked.options,
        asked.doubt.encode(),
    )  # argv[0] is counted twice, because the path may be as long as argv[0]
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
