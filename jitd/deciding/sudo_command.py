# SPDX-License-Identifier: Apache-2.0
"""Converts what sudo's approval plugin says into a question. sudo has read its command line, sudoers has permitted the command,
and sudo executes what the plugin names.

Law: nothing is foretold. Where the path or the account may be another one for sudo than for jitd, the command is in doubt, as in
``program_commands``. A variable is left out only if it is what sudo itself sets. Calls may block.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from dataclasses import dataclass, replace

from jitd.core.command import Pairs
from jitd.core.subject import Subject
from jitd.deciding import accounts, sudo_settings
from jitd.deciding.command_lookup import NOTHING, SHELL, Asked, Nonsense
from jitd.deciding.program_commands import (
    OTHER_ROOT,
    in_another_directory,
    in_doubt,
    of_typed,
    places_of,
    refuse_no_home,
    refuse_too_many,
    sees,
)
from jitd.deciding.view import View
from jitd.deciding.walking import Node, Way

LOGIN = "sudo-i"
ADDED = (b"-bash", b"--login", b"-c")
"""The first words if sudo runs a command in a login shell that is bash. For other shells, sudo adds no second one."""
MAIL = (b"/var/mail/", b"/var/spool/mail/")


@dataclass(frozen=True, slots=True)
class Run:
    """What sudo will run. The fields are those of ``enforcecommand`` (PROTOCOL.md section 9). ``view`` is sudo's."""

    path: bytes
    environment: tuple[bytes, ...]
    options: tuple[bytes, ...]
    run_as: str
    uid: int
    gid: int
    chdir: bytes | None
    chroot: bytes | None
    view: View


def resolved(service: str, run: Run, asked: Asked, who: Subject, search_path: bytes) -> tuple[Asked, tuple[Node, ...]]:
    """Return the question about ``run``, which consists of ``asked``, with the words of the command, and of data from ``run`` and
    from the host. Also return the places on the host that must not change before sudo continues. ``search_path`` is jitd's own.
    Raises Nonsense.
    """
    if b"/" not in run.path:
        raise Nonsense("the path of the command contains no slash")
    argv = asked.argv
    if service == LOGIN and argv[: len(ADDED)] == ADDED and os.path.basename(run.path) == b"bash":
        argv = (argv[0], *argv[2:])
    asked = replace(asked, argv=argv, file=run.path, options=run.options)
    ways: list[Way | None] = []
    known, is_hidden = asked, False
    try:
        account = accounts.entry_of(run.run_as)
        known = asked = replace(asked, variables=_variables(run, asked, account, who, search_path))
        if account.pw_uid != run.uid:
            raise ValueError("sudo and jitd take different accounts for the one of that name")
        group = None if account.pw_gid == run.gid else f"#{run.gid}"
        known = replace(asked, user=account.pw_name, group=group)
        if run.chroot is not None:
            raise ValueError(OTHER_ROOT)
        if not run.view.cwd.startswith(b"/"):
            raise ValueError("the working directory is not known: it has no path any more, or sudo does not say where this runs")
        run.view.refuse_other_accounts()
        if run.chdir is not None:
            if service == LOGIN:
                refuse_no_home(account.pw_name)  # sudo would go on in the directory of the caller
            known = in_another_directory(known, run.chdir)
        is_hidden = not sees(who, known)
        ways = of_typed(known, run.view)
        known = replace(known, leads_to=NOTHING if ways[0] is None else ways[0].name)
        if known.chdir:
            ways.append(run.view.judged(known.cwd))
        refuse_too_many(ways)
    except (ValueError, accounts.NoSuchAccount) as fault:
        unseen = known if is_hidden else None
        return replace(in_doubt(asked.argv, asked, str(fault)), unseen=unseen), ()
    return known, places_of(ways)


def _variables(run: Run, asked: Asked, account: pwd.struct_passwd, who: Subject, search_path: bytes) -> Pairs:
    """Return the variables of ``run`` that differ from what sudo sets for ``account`` and for the caller. Raises Nonsense."""
    name = os.fsencode(account.pw_name)
    caller = accounts.entry_of(f"#{who.uid}")
    groups = accounts.group_ids(caller.pw_name, caller.pw_gid)  # newgrp(1) and sg(1) choose one
    pairs = tuple(_pairs(run.environment))
    paths = {search_path}
    if not {value for name, value in pairs if name == b"PATH"} <= paths:  # to read sudoers takes a millisecond
        paths |= {*sudo_settings.sudoers(run.view.settings()).common_paths}
    usual = {
        b"HOME": {os.fsencode(account.pw_dir)},
        b"USER": {name},
        b"LOGNAME": {name},
        b"SHELL": {os.fsencode(account.pw_shell or SHELL)},
        b"MAIL": {place + name for place in MAIL},
        b"PATH": paths,
        b"SUDO_USER": {os.fsencode(caller.pw_name)},
        b"SUDO_UID": {b"%d" % caller.pw_uid},
        b"SUDO_GID": {b"%d" % gid for gid in groups},
        b"SUDO_HOME": {os.fsencode(caller.pw_dir)},
        b"SUDO_TTY": {asked.tty or b""},
        b"JITSUDO_REASON": {(asked.reason or "").encode()},
    }
    # SUDO_COMMAND is for logs: sudo writes it in another way in each version, and cuts it
    return tuple((name, value) for name, value in pairs if name != b"SUDO_COMMAND" and value not in usual.get(name, ()))


def _pairs(environment: tuple[bytes, ...]) -> Iterator[tuple[bytes, bytes]]:
    for variable in environment:
        name, equals, value = variable.partition(b"=")
        if not name or not equals:
            raise Nonsense("a variable is a name, an equals sign and a value")
        yield name, value
