# SPDX-License-Identifier: Apache-2.0
"""What an enforcement point asks: the PAM module of a program, or the approval plugin of sudo (PROTOCOL.md section 9).

Law: a question says nothing about who the person is. The name of its service is one that a rule can contain.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from jitd.core.claims import COMMAND, Point
from jitd.core.deed import RUN, deed_of
from jitd.core.origin import Caller
from jitd.core.run import Process
from jitd.core.subject import Subject
from jitd.deciding import sudo_command
from jitd.deciding.command_lookup import NO_COMMAND, Asked
from jitd.deciding.program_commands import OF_SUDO, PROGRAMS, Program, at_point
from jitd.deciding.view import View
from jitd.deciding.walking import Node
from jitd.server.peer import Held as HeldProcess
from jitd.server.reading import service_in
from jitd.verbs.refusal import Refusal
from jitpam.wire import messages
from jitpam.wire.codes import STAGES
from jitpam.wire.shown import shown


@dataclass(frozen=True, slots=True)
class OfModule:
    """The question of a PAM module."""

    said: messages.Enforce

    def refuse_nonsense(self) -> None:
        """Raise Refusal if no PAM module asks so."""
        if deed_of(service_in(self.said)) is RUN or self.said.stage not in STAGES:
            raise Refusal("usage", "the question names no PAM service or stage")

    @property
    def ruser(self) -> str | None:
        """PAM_RUSER, which has to be the account that asks."""
        return self.said.ruser

    @property
    def is_login(self) -> bool:
        """True if a session begins, so that what an account is used for does not count yet."""
        return self.said.service not in PROGRAMS

    @property
    def begins_session(self) -> bool:
        """True if the process that asks begins a login session."""
        return self.said.stage == "session"

    @property
    def is_sudo(self) -> bool:
        """True if sudo goes on after a grant. At the stage auth, it has yet to ask for the password."""
        return self.said.service.startswith("sudo") and self.said.stage != "auth"

    def point(self, process: Process | None) -> Point:
        """Return the point. ``process`` begins the session, if one begins."""
        said = self.said
        came_in_by = None if said.authenticated is None else said.authenticated.rstrip(b"\n").replace(b"\n", b", ")
        return Point(said.stage, _text(said.rhost), _text(came_in_by), process)

    def asked(self, process: HeldProcess) -> Asked:
        """Return what is known before the command line is read. At a login, ``process`` has no login session yet."""
        caller = Caller(lambda: process)
        if self.is_login:
            caller = Caller(lambda: process, is_login=True, remote_host=_text(self.said.rhost), tty=_text(self.said.tty) or "")
        return _as_said(self.said, caller)

    def understood(self, asked: Asked, view: View, who: Subject, search_path: bytes) -> tuple[Asked, tuple[Node, ...]]:
        """Return the question, and the places that must stay as they are. Raises Nonsense. This may block."""
        said = self.said
        program = Program(tuple(said.words), said.posix, said.shell, said.search_path, view)
        asked, places = at_point(said.service, said.user, program, asked, who, search_path)
        # Where the stack says that the program cannot wait, people are asked for the next time.
        return replace(asked, asks_people=asked.asks_people or not said.waits), places


@dataclass(frozen=True, slots=True)
class OfPlugin:
    """The question of sudo's approval plugin. Its fields are those of OfModule."""

    said: messages.EnforceCommand

    ruser = None
    is_login = False
    begins_session = False
    is_sudo = True

    def refuse_nonsense(self) -> None:
        """Raise Refusal if no plugin asks so."""
        if service_in(self.said) not in OF_SUDO:
            raise Refusal("usage", "only sudo has a plugin that asks")

    def point(self, process: Process | None) -> Point:
        """Return the point."""
        return Point(COMMAND, None, None, None)

    def asked(self, process: HeldProcess) -> Asked:
        """Return the words of the command."""
        said = self.said
        return replace(_as_said(said, Caller(lambda: process)), argv=tuple(said.argv), asks_people=said.if_owed)

    def understood(self, asked: Asked, view: View, who: Subject, search_path: bytes) -> tuple[Asked, tuple[Node, ...]]:
        """Return the question, and the places that must stay as they are. Raises Nonsense. This may block."""
        said = self.said
        run = sudo_command.Run(
            path=said.path,
            environment=tuple(said.environment),
            options=tuple(said.options),
            run_as=said.run_as,
            uid=said.run_as_uid,
            gid=said.run_as_gid,
            chdir=said.chdir,
            chroot=said.chroot,
            view=view,
        )
        return sudo_command.resolved(said.service, run, asked, who, search_path)


def question_of(said: messages.Enforce | messages.EnforceCommand) -> OfModule | OfPlugin:
    """Return the question in the message of a point. Raises Refusal."""
    question = OfModule(said) if isinstance(said, messages.Enforce) else OfPlugin(said)
    question.refuse_nonsense()
    return question


def _as_said(said: messages.Enforce | messages.EnforceCommand, caller: Caller) -> Asked:
    return replace(
        NO_COMMAND,
        cwd=said.cwd or b"/",
        cwd_device=said.cwd_device,
        cwd_inode=said.cwd_inode,
        reason=said.reason,
        tty=said.tty,
        caller=caller,
    )


def _text(value: bytes | None) -> str | None:
    return None if value is None else shown(value)
