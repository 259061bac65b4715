# SPDX-License-Identifier: Apache-2.0
"""Handles the things that jitd has given to jitsudo (PROTOCOL.md section 10). This module prepares the things for use
(``access``). Then it runs a command that uses the things, or asks jitd to leave the things with the person.

Law: jitsudo gives a thing back if the thing cannot be used, or when the command ends. The command gets SIGHUP when jitd reports
the end of the grant, or when the grant's time is over by our own clock. The command belongs to the person, so jitsudo never kills
it.
"""

from __future__ import annotations

import posix  # importing `os` would make each start 1 ms longer
import select
import time

from jitpam import certificate
from jitpam.access import CACHE, Access, everything
from jitpam.appointment import here, in_words
from jitpam.client import NotAuthenticated, RefusedByDaemon, Unreachable, connect
from jitpam.own_command import STOPPED, Unstartable
from jitpam.saying import print_out, printable, say
from jitpam.ticket import NoTicket
from jitpam.wire.codes import EXITS
from jitpam.wire.messages import Done, Given, Keep, Progress, Resume, Taken
from jitpam.wire.shown import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal

    from jitpam.access import Got
    from jitpam.client import Connection
    from jitpam.options import Options
    from jitpam.own_command import OwnCommand
    from jitpam.signals import Signals
else:
    import _signal  # importing `signal` would make each start 3 ms longer

COMES_BACK_WITHIN = 30.0  # seconds to reconnect. After a restart, jitd keeps things as long (PROTOCOL.md section 10)
TRY_EVERY = 0.2
LOOK_EVERY = 1.0  # seconds until the clock is read again: timeouts of poll(2) do not run while the host is suspended
DAEMON_FIRST = 1.0  # seconds for jitd to say why the grant has ended. Then jitsudo says that the time is over
ENDS_WITHIN = 5.0  # seconds within which processes must end after SIGHUP
ANSWERS_WITHIN = 5.0
FOR_A_COMMAND, NOT_FETCHED = 120, 125
_PASSED_ON = (_signal.SIGTERM, _signal.SIGHUP, _signal.SIGUSR1, _signal.SIGUSR2, _signal.SIGALRM)
"""Signals for the command. SIGINT and SIGQUIT are not among them, because the terminal sends these to both."""
_LEAVING = (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP, _signal.SIGQUIT)
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=")


class Holding:
    """The things that were given together. This object exists from the last message ``given`` until the things end. ``got``
    contains at least one thing. ``request`` is the id of the request, or "" if jitd has not sent it.
    """

    def __init__(self, connection: Connection, signals: Signals, request: str, got: list[Got], options: Options) -> None:
        self._connection = connection
        self._signals = signals
        self._got = got
        self._options = options
        self._first = got[0].given
        self.request = request or self._first.id.partition(".")[0]
        """The id of the request to resume. If jitd has not sent this id, the grant's id is used instead. The grant's id is the
        first part of the holding's id. It differs from the id of the request only if the request used an earlier grant.
        """
        self._ends_at = _boot_clock() + min(one.given.left_ms for one in got) / 1000

    @property
    def _what(self) -> str:
        return ", ".join(one.given.thing for one in self._got)

    # --- without a command: the thing is kept

    def keep(self) -> int:
        """Prepare the things for use, and send Keep. For a ticket, print a shell command that makes programs use the ticket.
        Returns the exit status. If a signal ended jitsudo, returns minus the number of this signal.

        Raises Unreachable. After Unreachable, the caller may resume. Also raises NotAuthenticated, RefusedByDaemon and
        Unwritable.
        """
        if not self._first.stays:
            self._connection.close()
            say(f"request {self.request} was made for a command, and what it gives ends with the command: ask again with --get")
            return FOR_A_COMMAND
        try:
            access = Access(self._got, self._options.to, self._options.key)
        except NoTicket as fault:
            self._connection.close()
            return self._tell(fault)
        try:
            access.must_be_readable()
            access.make()
            for number, _ in self._signals.taken():
                if number in _LEAVING:
                    raise _Left(number)
            self._connection.say(Keep())
            while not isinstance(self._connection.hear(time.monotonic() + ANSWERS_WITHIN), Done):
                pass  # Taken: jitd has taken it back already, and will refuse Keep next
            printed = access.printed()
            access.close()
            self._print(access, printed)
        except BaseException as fault:
            access.destroy()
            self._connection.close()
            if isinstance(fault, _Left):
                return -fault.number
            if isinstance(fault, NoTicket):
                return self._tell(fault)
            raise
        self._connection.close()
        self._say_kept(access.tickets_until, ends_early=access.ends_early)
        if self._options.key is not None and self._options.to is None and access.file is not None:
            say(f"the certificate is in {shown(access.file)}, where ssh finds it beside the key")
        return 0

    def _print(self, access: Access, printed: str) -> None:
        variables = access.variables
        if self._options.json:
            from jitpam.reporting import held

            held(self.request, [one.given for one in self._got], variables, access.file)
        elif CACHE in variables:
            print_out(f"export KRB5CCNAME={_quoted(variables[CACHE])}", "the line to use the ticket by")
        if printed:
            print_out(printable(printed), "the certificate")

    def _say_kept(self, tickets_until: int, *, ends_early: bool) -> None:
        tickets = [one.given.name for one in self._got if one.is_ticket]
        others = [one.given.thing for one in self._got if not one.is_ticket]
        told = [f"the ticket for {name} is good until {in_words(tickets_until)}" for name in tickets]
        told += [f"{thing} is yours until {here(self._first.until)}" for thing in others]
        back = "it" if len(self._got) == 1 else "them"
        again = f"for a new ticket until {here(self._first.until)}: jitsudo --resume={self.request}; " if ends_early else ""
        say(f"{', '.join(told)}; {again}to give {back} back sooner: jitd revoke {self._first.id.partition('.')[0]}")

    def _tell(self, fault: NoTicket) -> int:
        if self._options.json and not self._options.argv:
            from jitpam.reporting import failed

            return failed(fault, self.request)
        return _tell(fault)

    # --- with a command

    def accompany(self, command: OwnCommand) -> int:
        """Prepare the things for use, and run ``command``, which can use them. Raises NotAuthenticated.

        Returns the command's exit status. If a signal ended the command, returns minus the number of this signal. If the command
        is still running ENDS_WITHIN seconds after it got SIGHUP, returns minus SIGHUP.
        """
        try:
            access = Access(self._got, self._options.to, certificate.for_a_command(self._options.key))
        except NoTicket as fault:
            self._connection.close()
            return _tell(fault)
        try:
            access.make()
            _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
            for number, _ in self._signals.taken():
                if number in _LEAVING:
                    return -number
            self._signals.catch((*_PASSED_ON, *_LEAVING, _signal.SIGCHLD, _signal.SIGCONT))
            command.start(access.variables, self._signals.mask_found, access.descriptors)
            access.close()
            _signal.signal(_signal.SIGTTOU, _signal.SIG_IGN)  # so that we can write to the terminal from a background group
            return self._until_ended(command, access)
        except NoTicket as fault:
            return _tell(fault)
        except Unstartable as fault:
            say(str(fault))
            return fault.status
        finally:
            access.destroy()
            self._connection.close()

    def _until_ended(self, command: OwnCommand, access: Access) -> int:
        while True:
            try:
                for heard in self._connection.followed(self._signals.descriptor, LOOK_EVERY):
                    because = heard.because if isinstance(heard, Taken) else self._why_over()
                    if because:
                        return self._hang_up(command, access, because)
                    access.renew()
                    ended = self._look(command)
                    if ended is not None:
                        return ended
            except Unreachable:
                pass
            ended = self._come_back(command, access)
            if ended is not None:
                return ended

    def _why_over(self) -> str:
        return "its time is over" if _boot_clock() >= self._ends_at + DAEMON_FIRST else ""

    def _look(self, command: OwnCommand) -> int | None:
        """Handle the signals that have arrived. If the command has ended, return the status as ``accompany`` does."""
        arrived = self._signals.taken()
        for number, sender in arrived:
            if number == _signal.SIGCONT:
                command.go_on()
            elif number in _PASSED_ON and not (sender and sender in command.family()):
                command.signal(number)
        ended = command.look()
        if ended is None or ended < STOPPED:
            return ended
        if not any(number == _signal.SIGCONT for number, _ in arrived):
            _stop_by(ended - STOPPED)
        return None

    # --- the connection to jitd is lost

    def _come_back(self, command: OwnCommand, access: Access) -> int | None:
        """Return None once reconnected. After COMES_BACK_WITHIN, go on without jitd, and return the same as ``accompany``."""
        self._connection.close()
        gives_up_at = time.monotonic() + COMES_BACK_WITHIN
        has_given_up = False
        pause = select.poll()
        pause.register(self._signals.descriptor, select.POLLIN)
        while True:
            pause.poll((LOOK_EVERY if has_given_up else TRY_EVERY) * 1000)
            ended = self._look(command)
            if ended is not None:
                return ended
            because = self._why_over()
            if not because:
                access.renew()
            if not because and not has_given_up:
                try:
                    self._resume()
                    return None
                except RefusedByDaemon as refusal:
                    because = refusal.text if EXITS[refusal.code][0] != NOT_FETCHED else ""
                    fault: Exception = refusal
                except (Unreachable, NotAuthenticated) as again:
                    fault = again
                if not because and time.monotonic() >= gives_up_at:
                    has_given_up = True
                    say(f"{fault}; jitd takes {self._what} back; {command.name} goes on, until {here(self._first.until)} at most")
            if because:
                return self._hang_up(command, access, because)

    def _resume(self) -> None:
        """Connect to jitd and resume the request. Raises RefusedByDaemon, Unreachable and NotAuthenticated."""
        connection = connect()
        try:
            connection.say(Resume(id=self.request, streams=[], place="command"))
            while isinstance(heard := connection.hear(time.monotonic() + ANSWERS_WITHIN), Progress):
                pass
        except BaseException:
            connection.close()
            raise
        if not isinstance(heard, Given):
            connection.close()
            raise Unreachable("jitd broke the protocol: it no longer gives the thing that it gave")
        try:
            again = everything(heard, connection)
        except BaseException:
            connection.close()
            raise
        for one in again:
            if one.secret is not None:  # the command already has the first descriptor
                posix.close(one.secret)
        self._connection = connection
        self._ends_at = _boot_clock() + min(one.given.left_ms for one in again) / 1000

    # --- the end of the grant

    def _hang_up(self, command: OwnCommand, access: Access, because: str) -> int:
        """Send SIGHUP to the command and its descendants, and name those that run after ENDS_WITHIN. Returns as ``accompany``."""
        say(f"{self._what} {'is' if len(self._got) == 1 else 'are'} taken back: {because}; hanging up {command.name}")
        command.hang_up()
        access.destroy()
        until = time.monotonic() + ENDS_WITHIN
        pause = select.poll()
        pause.register(self._signals.descriptor, select.POLLIN)
        ended = None
        while True:
            arrived = self._signals.taken()
            for number, _ in arrived:
                if number in _PASSED_ON and ended is None:
                    command.signal(number)
            if ended is None:
                ended = command.look()
                ended = None if ended is not None and ended >= STOPPED else ended
            command.hang_up_again()
            alive = command.survivors()
            if (ended is not None and not alive) or time.monotonic() >= until:
                break
            pause.poll(TRY_EVERY * 1000)
        if alive:
            say(f"the grant has ended; still running: {', '.join(alive)}")
        return -_signal.SIGHUP if ended is None else ended


class _Left(Exception):
    """A signal that must end jitsudo arrived before jitd accepted Keep. ``number`` is the number of the signal."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def _tell(fault: NoTicket) -> int:
    say(f"{fault}; what was given is given back")
    return NOT_FETCHED


def _boot_clock() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _stop_by(number: int) -> None:
    """Stop jitsudo by the signal that stopped the command, so that the shell sees it. SIGTTIN stands for SIGTTOU, which we
    ignore; shells treat both alike. In an orphaned group, where none could continue us, the kernel ignores it.
    """
    import posix

    posix.kill(posix.getpid(), _signal.SIGTTIN if number == _signal.SIGTTOU else number)


def _quoted(word: bytes) -> str:
    """Return ``word`` with quotes, so that sh(1) reads it as one word."""
    text = word if _PLAIN.issuperset(word) else b"'" + word.replace(b"'", b"'\\''") + b"'"
    return text.decode("utf-8", "surrogateescape")
