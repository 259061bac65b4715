# SPDX-License-Identifier: Apache-2.0
"""The kinds of deed that a request may ask for, and the differences between these kinds.

Law: the kind of deed depends only on three properties of the request. These are the name of its PAM service, whether a login
session begins, and whether a thing is requested. No other module compares the name of the service.
"""

from __future__ import annotations

from dataclasses import dataclass

from jitd.core.edit import Edit, Edits, NewFile, Removal
from jitd.core.what import Doubted, Login, Program, Things, What

JITSUDO = "jitsudo"
"""Of commands that the daemon runs, and of things. Others are PAM services, whose program executes the deed."""


@dataclass(frozen=True, slots=True)
class Deed:
    """One kind of deed.

    ``is_executed``: jitd executes the command itself. jitd uses the path that it has found. If a rule names a directory, the
    command runs in this directory. If arguments name files, the command gets exactly those files that were approved.

    ``asks_again``: each attempt is a new request. Therefore a later request for the same deed can take a use that is left, even
    if the grant permits only one use. The requester cannot use ``jitsudo --resume`` for such a grant.

    ``has_run``: each use of the grant begins a run.

    ``may_go_on``: a rule may allow a session to continue after the end of the grant's time.
    """

    name: str
    is_executed: bool
    asks_again: bool
    has_run: bool
    may_go_on: bool


RUN = Deed("run", is_executed=True, asks_again=False, has_run=True, may_go_on=False)  # the deed of `jitsudo COMMAND`
THING = Deed("thing", is_executed=False, asks_again=False, has_run=False, may_go_on=False)
"""The deed of ``jitsudo --get``: jitd gives a thing and later takes this thing back. Each use of the grant begins a holding."""
GATE = Deed("gate", is_executed=False, asks_again=True, has_run=False, may_go_on=False)
"""One action of another program (``sudo``, ``su``, ``doas``). jitd permits this action once."""
LOGIN = Deed("login", is_executed=False, asks_again=True, has_run=True, may_go_on=True)
"""A login session that another program (``sshd``, ``login``) begins for a person. jitd watches this session."""


def deed_of(service: str, what: What | None = None, *, is_login: bool = False) -> Deed:
    """Return the kind of deed that ``service`` asks for. ``what`` is what the request is for, or None if the caller asks about
    commands. ``is_login`` is True if a session is about to begin or has begun.
    """
    if service != JITSUDO:
        return LOGIN if is_login else GATE
    match what:
        case Things():
            return THING
        case Program() | Edit() | Edits() | NewFile() | Removal() | Login() | Doubted() | None:
            return RUN
