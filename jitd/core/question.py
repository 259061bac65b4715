# SPDX-License-Identifier: Apache-2.0
r"""The question that policy is asked, and what it says by itself under the names ``request.``, ``subject.`` and ``claim.``.

Law: pure. A text that is made of bytes can be read back: a byte that is not UTF-8 is ``\xNN``, and a backslash is doubled. So no
two commands have the same words. If it is not certain what would run, those names are unknown that say what would run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from jitd.core.command import Command
from jitd.core.facts import Facts, Unknown, Value
from jitd.core.origin import Caller
from jitd.core.subject import Subject


@dataclass(frozen=True, slots=True)
class Question:
    """What policy is asked: may ``requester`` run ``command`` here?

    ``lasts_for`` (seconds) and ``uses`` are the lease asked for, ``timeout_for`` (seconds) the running time, ``chdir`` the
    directory; each is None if it was not asked for. ``is_own_group`` is True if the group to run as is that of the account to run
    as. ``is_missing`` is True if there is no such command; the caller decides who is told that. ``writable_by`` are sentences:
    who can change the command's file, beside root and the account to run as. ``names`` are other names of that file: a deny
    holds for each of them. ``is_unopened`` is True while that file may not be opened yet: what a rule asks about the file is then
    left open, so that a permit may hold and a deny does not. ``tty`` is the terminal that the client claims to be on.
    ``caller`` is the process that asks. ``breaks_glass`` is True if the requester asks by ``--break-glass``: then the permits are
    those that say so, and no others. ``thing`` is set while rules are asked about one of several things: a permit must give this
    one, and a deny holds if it names any of them.
    """

    requester: Subject
    command: Command
    service: str
    host: str
    reason: str | None
    lasts_for: int | None
    uses: int | None
    timeout_for: int | None
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

    @property
    def wanted(self) -> tuple[str, ...]:
        """Return the things that one permit has to give; none for a command."""
        return self.command.things if self.thing is None else (self.thing,)

    @property
    def each(self) -> tuple[Question, ...]:
        """Return the questions that policy is asked: one for each thing, or this one alone if it is not about several things."""
        things = self.command.things if self.thing is None else ()
        return tuple(replace(self, thing=thing) for thing in things) if len(things) > 1 else (self,)


def spelled(value: bytes) -> str:
    r"""Return ``value`` as text that can be read back: bytes that are not UTF-8 as ``\xNN``, a backslash doubled."""
    return value.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")


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
    "request.lasts": lambda asked: asked.lasts_for or 0,
    "request.uses": lambda asked: asked.uses or 0,
    "subject.principal": lambda asked: asked.requester.principal,
    "subject.user": lambda asked: asked.requester.user,
    "subject.groups": lambda asked: tuple(sorted(asked.requester.groups)),
    "subject.is_local": lambda asked: asked.requester.is_local or asked.requester.is_by_pam,
    "subject.indicators": lambda asked: _indicators(asked.requester),
    "claim.reason": lambda asked: asked.reason or "",
    "claim.tty": lambda asked: spelled(asked.tty or b""),
}
_DOUBTED = ("request.argv", "request.path", "request.user", "request.group", "request.cwd")
"""What says what would run."""


def said(question: Question, names: Iterable[str]) -> Facts:
    """Return the values that ``question`` has for ``names``. Names of facts, which it does not have, are left out."""
    found: dict[str, Value | Unknown] = {}
    for name in names:
        if name == "subject.groups" and question.requester.unsure:
            unsure = ", ".join(sorted(question.requester.unsure))
            found[name] = Unknown(f"these groups cannot be looked up now: {unsure}")
        elif name == "subject.principal" and question.requester.is_by_pam:
            found[name] = Unknown("no principal was proved, but an account by local PAM")
        elif name in _DOUBTED and question.command.doubt:
            found[name] = Unknown(f"it is not certain what would run: {question.command.doubt}")
        elif name in _SAID:
            found[name] = _SAID[name](question)
    return found
