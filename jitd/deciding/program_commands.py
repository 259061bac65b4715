# SPDX-License-Identifier: Apache-2.0
"""Converts the report of an enforcement point into a question. A question from sudo, doas or su is about a command. A question
about a login has no command.

Law: if a command line cannot be understood with certainty, the question is about the whole line. If a permit names particular
commands, it never matches such a question. If a deny names particular commands, jitd assumes that the command is one of them.
Calls may block.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, replace

from jitd.core.subject import Subject
from jitd.deciding import accounts, sudo_settings
from jitd.deciding.command_lookup import NO_COMMAND, NOTHING, SHELL, Asked, Nonsense, can_see
from jitd.deciding.view import MOST, NOWHERE, UNSURE, Doubtful, View
from jitd.deciding.walking import Node, Way
from jitd.files import path_lookup
from jitd.files.inspection import Uninspectable
from jitd.hosts.places import Places
from jitd.invocation import read
from jitd.invocation.form import Invocation
from jitpam.wire.shown import shown

PROGRAMS = frozenset({"sudo", "sudo-i", "su", "su-l", "doas"})  # PAM services with a command in their own command line
OF_SUDO = frozenset({"sudo", "sudo-i"})
TO_TARGET = frozenset({"su", "su-l"})  # for these PAM services, PAM_USER is the account to run as
KEEPS_ENVIRONMENT = b"(the person's environment)"  # added to the options if the command gets the person's environment
SHELLS = "/etc/shells"
OTHER_ROOT = "the command runs below another root directory"


def beforehand(service: str, asked: Asked, who: Subject) -> Asked:
    """Return the question that the program of ``service`` would send, for a person who asks in advance. At a login, it has no
    command, and the named or the person's own account. Raises Nonsense.
    """
    if service in PROGRAMS and (asked.argv or asked.login):
        return _in_its_environment(service, asked, Places())
    if asked.argv or asked.login:
        raise Nonsense(f"{shown(service)} runs no command: leave the command out. Programs that run a command are {_those()}")
    if service in PROGRAMS:
        raise Nonsense(f"say which command {shown(service)} is to run")
    return login(service, asked.user or who.user, asked)


def _those() -> str:
    *names, last = sorted(PROGRAMS)
    return f"{', '.join(names)} and {last}"


def login(service: str, user: str, asked: Asked) -> Asked:
    """Return the question about a login of ``user`` through ``service``, by the person and for the reason of ``asked``."""
    return replace(
        NO_COMMAND,
        argv=(service.encode(),),
        user=user,
        is_bare=True,
        reason=asked.reason,
        terms=asked.terms,
        anew=asked.anew,
        tty=asked.tty,
        caller=asked.caller,
        breaks_glass=asked.breaks_glass,
        asks_people=asked.asks_people,
    )


@dataclass(frozen=True, slots=True)
class Program:
    """The report of a program at an enforcement point. ``words`` is the program's whole command line. Three values come from the
    person's environment: ``is_posix`` (POSIXLY_CORRECT is set), ``shell`` (SHELL) and ``search_path`` (PATH). sudo replaces this
    PATH by ``secure_path`` of sudoers, and then ``search_path`` is the new value. ``view`` is the program's view of the host.
    """

    words: tuple[bytes, ...]
    is_posix: bool
    shell: bytes
    search_path: bytes
    view: View


def at_point(
    service: str, user: str, program: Program, asked: Asked, who: Subject, search_path: bytes
) -> tuple[Asked, tuple[Node, ...]]:
    """Return the question about the command that ``program`` wants to run. The question consists of ``asked`` and of data from
    the command line and from the host. Also return the places on the host that must not change before the program continues.

    ``service`` is the PAM service, ``user`` is PAM_USER, and ``who`` is the requester. ``search_path`` is jitd's own search path.
    """
    if service not in PROGRAMS:
        if not program.words:
            return login(service, user, asked), ()
        return in_doubt(program.words, asked, f"how {service} reads its command line is not known"), ()
    host = program.view.settings()
    ways: list[Way | None] = []
    known, is_hidden = asked, False
    try:
        found = read(service, program.words, whole=True, posix=program.is_posix)
        asked = replace(asked, options=found.options, asks_people=found.waits)
        if found.doubt:
            raise ValueError(found.doubt)
        if found.mode != "run":
            instead = "; jitsudo -e FILE has the change itself approved" if found.mode == "edit" else ""
            raise ValueError(f"{service} is to {found.mode}, not to run a command{instead}")
        if service in TO_TARGET and user != (found.user or "root"):
            raise ValueError("the account in the program's command line is not PAM_USER")
        settings = _settings(service, host)
        if settings.doubt:
            raise ValueError(settings.doubt)
        if not program.view.cwd.startswith(b"/"):
            raise ValueError(NOWHERE)
        program.view.refuse_other_accounts()
        known = _known(found, asked, who, program.shell, host)
        is_hidden = not sees(who, known)
        if known.login:
            ways = _of_login(known, program.view)
        elif b"/" not in known.argv[0]:
            ways = [_refuse_two_places(known, settings.secure_paths, program, search_path)]
        else:
            ways = of_typed(known, program.view)
        known = replace(known, leads_to=NOTHING if ways[0] is None else ways[0].name)
        if not known.login and b"/" not in known.argv[0]:
            _refuse_passed_over(known, who, keeps_groups=settings.preserves_groups or b"--preserve-groups" in known.options)
        if known.chdir:
            ways.append(program.view.judged(known.cwd))
        refuse_too_many(ways)
    except (ValueError, accounts.NoSuchAccount) as fault:
        unseen = _in_its_environment(service, known, host) if is_hidden else None
        known, ways = replace(in_doubt(program.words, asked, str(fault)), unseen=unseen), []
    return _in_its_environment(service, known, host), places_of(ways)


def _settings(service: str, host: Places) -> sudo_settings.Settings:
    if service in OF_SUDO:
        return sudo_settings.sudoers(host)
    return sudo_settings.su(host) if service in TO_TARGET else sudo_settings.NONE


def places_of(ways: Iterable[Way | None]) -> tuple[Node, ...]:
    return tuple(dict.fromkeys(place for way in ways if way is not None for place in way.places))


def refuse_too_many(ways: Iterable[Way | None]) -> None:
    """Raise Doubtful if a point would have more places to look at again than one message holds."""
    if sum(len(place.path) for place in places_of(ways)) > MOST:
        raise Doubtful(UNSURE)


def sees(who: Subject, known: Asked) -> bool:
    """True if ``who`` could find out without jitd whether each path in ``known`` exists."""
    paths = [known.cwd] if known.chdir else []
    if known.login:
        paths.append(os.fsencode(accounts.entry_of(known.user or "root").pw_dir))
    elif b"/" in known.name:
        paths.append(os.path.join(known.cwd, known.name))
    return can_see(who, path_lookup.Look(), *paths)


def of_typed(known: Asked, view: View) -> list[Way | None]:
    """Return the ways (a path, with each directory, link and file on it) to the file of a typed name with a slash. After -D, sudo
    looks in one directory, and executes in the other: if these are two files, raise Doubtful.
    """
    typed = view.typed(known.name)
    if not known.chdir or known.name.startswith(b"/"):
        return [typed]
    executed = view.judged(os.path.join(known.cwd, known.name))
    if (typed and typed.end) != (executed and executed.end):
        raise Doubtful("the program looks for the command in one directory, and executes it in another: use the full path")
    return [executed, typed]


def _of_login(known: Asked, view: View) -> list[Way | None]:
    """Return the ways (see ``of_typed``) to a login shell and to the home where it begins, unless it begins elsewhere
    (``known.chdir``). Raises Doubtful, NoSuchAccount, and ValueError without a home that the account can enter.
    """
    user = known.user or "root"
    refuse_no_home(user)
    account = accounts.entry_of(user)
    home = [] if known.chdir else [view.judged(os.fsencode(account.pw_dir))]
    return [view.judged(os.fsencode(account.pw_shell or SHELL)), *home]


def _in_its_environment(service: str, asked: Asked, host: Places) -> Asked:
    """Add KEEPS_ENVIRONMENT if the command gets the person's: PATH, BASH_ENV and others change what a shell runs."""
    if service == "su" or (service == "doas" and sudo_settings.doas_keeps_environment(host)):
        return replace(asked, options=(*asked.options, KEEPS_ENVIRONMENT))
    return asked


def in_doubt(words: tuple[bytes, ...], asked: Asked, doubt: str) -> Asked:
    """Neither its meaning nor its account is certain, so the question names all of its words, and root as the worst account."""
    typed = tuple(word.replace(b"\0", b",") for word in words)  # sudo separates a list at NUL bytes
    return replace(asked, argv=typed or (b"?",), user="root", is_bare=True, doubt=doubt)


def _known(found: Invocation, asked: Asked, who: Subject, shell: bytes, host: Places) -> Asked:
    """Raises ValueError if the shell or the directory is not known with certainty, and NoSuchAccount."""
    asked = replace(asked, user=found.user, group=found.group, variables=found.variables, options=found.options)
    if any(option.startswith(b"--chroot=") for option in found.options):
        raise ValueError(OTHER_ROOT)
    if found.chdir is not None:
        asked = in_another_directory(asked, found.chdir)
    if found.shell == "":
        return replace(asked, argv=found.argv)
    fast = (b"-f",) if b"--fast" in found.options else ()
    rest = (*fast, *((b"-c", found.line) if found.line is not None else ()), *found.shell_arguments)
    if found.shell == "login" and found.shell_path is None:
        return replace(asked, argv=rest, login=True)
    if found.shell == "own":
        if not _is_utf8(shell):
            raise ValueError("the shell is not known: $SHELL is not UTF-8, and sudo-rs runs another one then")
        path = shell or os.fsencode(accounts.entry_of(who.user).pw_shell or SHELL)
        if os.path.basename(path).removeprefix(b"lt-") == b"sudoedit":
            raise ValueError("the shell's name is sudoedit, so sudo would edit files")
    else:
        path = _targets_shell(found, shell, host)
    if not path.startswith(b"/"):
        raise ValueError("the shell is not known: its path is not absolute")
    return replace(asked, argv=(path, *rest))


def in_another_directory(asked: Asked, directory: bytes) -> Asked:
    """Raises ValueError if it is not certain which directory this is."""
    if b".." in directory.split(b"/"):
        raise ValueError("the path of the new working directory contains .., and links on this path may lead elsewhere")
    return replace(asked, cwd=os.path.normpath(directory), cwd_device=0, cwd_inode=0, chdir=True)


def _targets_shell(found: Invocation, shell: bytes, host: Places) -> bytes:
    """Return the shell that su runs (su(1), --shell): always the account's own, if /etc/shells does not list that, so who is
    restricted stays so. Raises ValueError if it is not certain.
    """
    own = os.fsencode(accounts.entry_of(found.user or "root").pw_shell or SHELL)
    wanted = found.shell_path if found.shell_path is not None else shell if found.shell == "kept" else b""
    if not wanted:
        return own
    try:
        source = host.read(SHELLS)
    except OSError:
        source = None
    listed = source.data.split(b"\n") if source is not None else []
    if own not in listed or found.shell == "login":
        raise ValueError("the shell is not known: another shell was requested than the account's own")
    return wanted


def _refuse_two_places(known: Asked, secure_paths: tuple[bytes, ...], program: Program, ours: bytes) -> Way | None:
    """The typed name of the command contains no slash, so jitd looks for the name in its own search path ``ours``. Return the
    way to the command's file: its path, with each directory, link and file on it. Raises ValueError if it is not certain that
    the program uses the same file as jitd.

    The program searches its own PATH, or one of the ``secure_paths`` that root has set in sudoers. It is not certain which of
    them it searches: sudo-rs skips lines of sudoers that sudo reads. Therefore all of them must lead to the same file. The
    program may search before or after it queries jitd. jitd trusts a directory in PATH only if root has named it, in ``ours`` or
    in sudoers.
    """
    name, view = known.argv[0], program.view
    paths = (*secure_paths, program.search_path)
    trusted = {place for path in (ours, *secure_paths) for place in path.split(b":") if place.startswith(b"/")}
    found = _where(name, ours)
    is_same = found is not None and _is_utf8(program.search_path)  # with another PATH, sudo-rs searches the current directory
    typed = None
    if is_same and all(_on_trusted_path(name, path, trusted) == found for path in paths):
        typed, *others = [_first(view, name, path) for path in paths]
        is_same = typed is not None and all(each and _where(each, b"") == found for each in (typed, *others))
    if not is_same or typed is None:
        raise ValueError(
            f"it is not certain which file {shown(name)} means: this depends on the caller's PATH or on the program's settings;"
            " use the full path"
        )
    return view.judged(typed)


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _refuse_passed_over(known: Asked, who: Subject, *, keeps_groups: bool) -> None:
    """Raise ValueError if the account may not execute the file that jitd found. Then sudo or doas may pass over this file, and
    find another one in a later directory: sudo looks with the rights of the account, and doas tries to execute each file
    (execvp(3)). If ``keeps_groups`` is True, the account may have the groups of ``who``. Can also raise NoSuchAccount.
    """
    target, path = accounts.entry_of(known.user or (who.user if known.group else "root")), known.leads_to or NOTHING
    members = (target, accounts.entry_of(who.user)) if keeps_groups else (target,)
    groups = [accounts.group_ids(member.pw_name, member.pw_gid) for member in members]
    if not all(path_lookup.may_execute(path, target.pw_uid, each) for each in groups):
        raise ValueError("the account may not execute this file, and the program may find another file of the same name")


def _first(view: View, name: bytes, path: bytes) -> bytes | None:
    """Return the path at which the program finds ``name`` if it searches the directories in ``path``. Raises Doubtful."""
    named = (os.path.join(directory, name) for directory in path.split(b":") if directory.startswith(b"/"))
    return next((each for each in named if view.is_executable(each)), None)


def _on_trusted_path(name: bytes, path: bytes, trusted: set[bytes]) -> bytes | None:
    """Return the path of the first such file, or None if the search reaches a directory before that is not ``trusted``."""
    for directory in path.split(b":"):
        if directory not in trusted:
            return None
        if (found := _where(name, directory)) is not None:
            return found
    return None


def _where(name: bytes, path: bytes) -> bytes | None:
    try:
        return path_lookup.resolve(name, b"/", path)
    except Uninspectable:
        return None


def refuse_no_home(user: str) -> None:
    """Raises ValueError if ``user`` cannot enter their home directory: a login shell would start in another one."""
    entry = accounts.entry_of(user)
    home, groups = os.fsencode(entry.pw_dir), accounts.group_ids(entry.pw_name, entry.pw_gid)
    # if an account can see that nothing exists there, it can enter the directory
    try:
        with path_lookup.Look() as glance:
            is_directory = stat.S_ISDIR(path_lookup.status_of(home, glance).st_mode)
            is_open = is_directory and path_lookup.is_visible_absence(
                os.path.join(home, b"x"), entry.pw_uid, groups, None, glance
            )
    except (OSError, ValueError):
        is_open = False
    if not is_open:
        raise ValueError("the working directory is not known: the account cannot enter its home directory")
