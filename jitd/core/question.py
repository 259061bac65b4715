# SPDX-License-Identifier: Apache-2.0
"""The question that the policy answers. A question contains the values of all names that begin with ``request.``, ``subject.``
or ``claim.``.

Law: texts that come from bytes are spelled (``core.spelling``), so the texts of two different commands always differ. The tuple
``_DOUBTED`` lists the names that describe the command, such as ``request.path``. If it is not certain which command would run,
the values of these names are unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from jitd.core.asked_terms import AskedTerms
from jitd.core.command import Command
from jitd.core.facts import Facts, Unknown, Value
from jitd.core.origin import Caller
from jitd.core.spelling import spelled
from jitd.core.subject import Subject


@dataclass(frozen=True, slots=True)
class Question:
    """The question to the policy: may ``requester`` run ``command`` on this host?

    ``terms`` are the terms that the requester asks for. ``chdir`` is the requested directory, or None. ``is_own_group`` is True
    if the requested group is the primary group of the target account. ``is_missing`` is True if the command does not exist. The
    caller decides who may know that the command is missing. ``writable_by`` contains sentences about the accounts that can change
    the command's file. Root and the target account are not mentioned. ``by_name`` contains sentences about programs that they can
    change, and that the kernel opens by name, so that no copy can be executed in their place. ``names`` contains other names of
    the command's file, or of the edited file. A deny rule about one of these names also applies to the command. ``is_unopened``
    is True while jitd must not open the command's file yet. During this time, a condition about the file counts as met in a
    permit, and as not met in a deny.

    ``tty`` is the terminal that the client claims to use. ``caller`` is the process that sent the request. ``breaks_glass`` is
    True if the requester typed ``--break-glass``. If the requester breaks glass, only permits for breaking glass count. If the
    request is for several things, the rules are evaluated for one thing at a time, and ``thing`` is the current thing. A permit
    must give the current thing. A deny applies if it names at least one of the requested things. If several files are edited
    together, the rules are evaluated for one file at a time, and ``is_one_of_several`` is True. ``names`` are those of all files.
    ``has_sudos_environment`` is True if sudo's plugin asks. Then sudoers has decided about variables, and rules need not name
    them.
    """

    requester: Subject
    command: Command
    service: str
    host: str
    reason: str | None
    terms: AskedTerms
    chdir: bytes | None
    is_own_group: bool
    is_missing: bool
    writable_by: tuple[str, ...]
    names: tuple[bytes, ...] = ()
    is_unopened: bool = False
    tty: bytes | None = None
    caller: Caller | None = None
    breaks_glass: bool = False
    thing: str | None = None
    by_name: tuple[str, ...] = ()
    is_one_of_several: bool = False
    has_sudos_environment: bool = False

    @property
    def wanted(self) -> tuple[str, ...]:
        """Return the things that one permit must give. The result is empty for a command."""
        return self.command.things if self.thing is None else (self.thing,)

    @property
    def each(self) -> tuple[Question, ...]:
        """Return one question for each thing, or each edited file, or else the question itself."""
        if len(files := self.command.each) > 1:
            return tuple(replace(self, command=one, is_one_of_several=True) for one in files)
        things = self.command.things if self.thing is None else ()
        return tuple(replace(self, thing=thing) for thing in things) if len(things) > 1 else (self,)


def _indicators(who: Subject) -> tuple[str, ...]:
    return () if who.authentication is None else tuple(sorted(who.authentication.indicators))


_SAID: dict[str, Callable[[Question], Value]] = {
    "request.argv": lambda asked: tuple(spelled(word) for word in asked.command.argv),
    "request.path": lambda asked: spelled(asked.command.path),
    "request.user": lambda asked: asked.command.run_as.user,
    "request.group": lambda asked: asked.command.run_as.group,
    "request.cwd": lambda asked: spelled(asked.command.cwd),
    "request.service": lambda asked: asked.service,
    "request.host": lambda asked: asked.host,
    "request.gives": lambda asked: asked.command.things,
    "request.lasts": lambda asked: asked.terms.lasts_for or 0,
    "request.uses": lambda asked: asked.terms.uses or 0,
    "subject.principal": lambda asked: asked.requester.principal,
    "subject.user": lambda asked: asked.requester.user,
    "subject.groups": lambda asked: tuple(sorted(asked.requester.groups)),
    "subject.is_local": lambda asked: asked.requester.is_local or asked.requester.is_by_pam,
    "subject.indicators": lambda asked: _indicators(asked.requester),
    "claim.reason": lambda asked: asked.reason or "",
    "claim.tty": lambda asked: spelled(asked.tty or b""),
}
_DOUBTED = ("request.argv", "request.path", "request.user", "request.group", "request.cwd")
"""The names whose values describe the command that would run."""


def said(question: Question, names: Iterable[str]) -> Facts:
    """Return what ``question`` says for ``names``. It has no facts, so their names are left out."""
    found: dict[str, Value | Unknown] = {}
    for name in names:
        if name == "subject.groups" and question.requester.unsure:
            unsure = ", ".join(sorted(question.requester.unsure))
            found[name] = Unknown(f"these groups cannot be looked up now: {unsure}")
        elif name == "subject.principal" and question.requester.is_by_pam:
            found[name] = Unknown("local PAM has proved the requester's account, but no principal")
        elif name in _DOUBTED and (doubt := question.command.doubt):
            found[name] = Unknown(f"it is not certain what would run: {doubt}")
        elif name in _SAID:
            found[name] = _SAID[name](question)
    return found
