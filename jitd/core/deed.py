# SPDX-License-Identifier: Apache-2.0
"""The kinds of deed that a request may ask for, and in what they differ.

Law: a kind is a value, and follows from the service that asks; no other module asks which service it is.
"""

from __future__ import annotations

from dataclasses import dataclass

JITSUDO = "jitsudo"
"""The service whose commands are run by the daemon. All others are PAM's: another program does the deed."""


@dataclass(frozen=True, slots=True)
class Deed:
    """One kind.

    ``is_executed``: jitd executes the command itself, by the path that it found, in the directory that a rule may name, and with
    the files that its arguments name as they were.
    ``asks_again``: the requester makes a new request each time, so that a grant of one use answers a later request, and nobody
    resumes one.
    ``has_run``: a use of its grant begins a run.
    ``may_go_on``: a rule may let what has begun go on when the time of its grant is over.
    """

    name: str
    is_executed: bool
    asks_again: bool
    has_run: bool
    may_go_on: bool


RUN = Deed("run", is_executed=True, asks_again=False, has_run=True, may_go_on=False)
"""``jitsudo COMMAND``."""
THING = Deed("thing", is_executed=False, asks_again=False, has_run=False, may_go_on=False)
"""``jitsudo --get``: a thing that is given and taken back. A use of its grant begins a holding."""
GATE = Deed("gate", is_executed=False, asks_again=True, has_run=False, may_go_on=False)
"""What another program does once it is let to: ``sudo``, ``su``, ``doas``."""
LOGIN = Deed("login", is_executed=False, asks_again=True, has_run=True, may_go_on=True)
"""A session that another program begins for somebody, and that jitd watches: ``sshd``, ``login``."""


def deed_of(service: str, *, is_login: bool = False, gives: bool = False) -> Deed:
    """What ``service`` asks for; ``is_login`` where a session is known to begin, or to have begun; ``gives`` where a thing is
    asked
    for and no command.
    """
    if service == JITSUDO:
        return THING if gives else RUN
    return LOGIN if is_login else GATE
