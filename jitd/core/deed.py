# SPDX-License-Identifier: Apache-2.0
"""The kinds of deed that a request may ask for, and how they differ.

Law: a kind is a value that follows from the service that asks. No other module tests which service it is.
"""

from __future__ import annotations

from dataclasses import dataclass

JITSUDO = "jitsudo"
"""The service whose commands the daemon runs. All other services are PAM's: another program does the deed."""


@dataclass(frozen=True, slots=True)
class Deed:
    """One kind of deed.

    ``is_executed``: jitd executes the command itself, by the path that it found and in the directory that a rule may name. The
    files that arguments name are those that were approved.
    ``asks_again``: each try is a new request. So a grant answers a later request for the same deed, even if the grant has only
    one use, and ``jitsudo --resume`` does not apply.
    ``has_run``: a use of the grant begins a run.
    ``may_go_on``: a rule may let a session go on after the time of its grant is over.
    """

    name: str
    is_executed: bool
    asks_again: bool
    has_run: bool
    may_go_on: bool


RUN = Deed("run", is_executed=True, asks_again=False, has_run=True, may_go_on=False)
"""The deed of ``jitsudo COMMAND``."""
THING = Deed("thing", is_executed=False, asks_again=False, has_run=False, may_go_on=False)
"""The deed of ``jitsudo --get``: a thing is given and taken back. A use of the grant begins a holding."""
GATE = Deed("gate", is_executed=False, asks_again=True, has_run=False, may_go_on=False)
"""The deed of another program that jitd permits once: ``sudo``, ``su``, ``doas``."""
LOGIN = Deed("login", is_executed=False, asks_again=True, has_run=True, may_go_on=True)
"""A session that another program begins for somebody, and that jitd watches: ``sshd``, ``login``."""


def deed_of(service: str, *, is_login: bool = False, gives: bool = False) -> Deed:
    """Return what ``service`` asks for. ``is_login`` is True if a session is to begin or has begun. ``gives`` is True if a thing
    is asked for and no command.
    """
    if service == JITSUDO:
        return THING if gives else RUN
    return LOGIN if is_login else GATE
