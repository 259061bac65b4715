# SPDX-License-Identifier: Apache-2.0
"""The work of ``jitsudo`` after jitd's welcome: it submits, waits, relays input and output, and ends as the command ended.

Law: if ``jitsudo`` ends while its request waits, the request is withdrawn. The exit status is the command's own, or it tells why
no command ran. If a signal ended the command, ``jitsudo`` ends by the same signal.
"""

from __future__ import annotations

import posix  # importing `os` would make each start 1 ms longer
import select
import time

from jitpam.client import Connection, NoDescriptor, NoProcess, NotAuthenticated, RefusedByDaemon, Unreachable, connect
from jitpam.news import SLOW_DIRECTORY, News
from jitpam.options import Options
from jitpam.saying import columns, print_out, say, write
from jitpam.signals import Signals
from jitpam.submission import asked, asked_thing, asked_undo, based_on, sha256_of
from jitpam.wire.messages import (
    Anew,
    Breakglass,
    Done,
    Edit,
    Edits,
    Get,
    Given,
    Message,
    Progress,
    Resume,
    Slow,
    Start,
    Submit,
    Undo,
    Withdraw,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from typing import NoReturn

    from jitpam.own_command import OwnCommand
    from jitpam.relay import Outcome
else:
    import _signal  # importing `signal` would make each start 3 ms longer

UNREACHABLE = 125
COMES_BACK_WITHIN = 30.0  # seconds to reconnect, if the daemon closes the connection while a request waits
TRY_EVERY = 0.2
MOST_ASKED = 2  # how often a person is asked for a reason: again if what they typed does not match
GOES_ON = ("usage", "owed", "reason")  # codes of refusals that leave the request as it was
WITHDRAWN_WITHIN = 1.0  # seconds at most for a withdrawal. After this time, `jitsudo` ends without jitd's answer.
REDRAW_EVERY = 0.5
AT_ONCE = 1.0  # seconds from the request to the run, for which the person has not waited, and may have typed ahead
USUAL_COLUMNS = 80
_LEAVING = (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP, _signal.SIGQUIT)


class _Interrupted(Exception):
    """A signal ended the wait. ``number`` is the number of the signal."""

    def __init__(self, number: int) -> None:
        self.number = number


# --- asking, waiting, running ------------------------------------------------------------------------------------------


def _demand_process() -> None:
    """Raises NoProcess if no process can be forked."""
    try:
        child = posix.fork()
    except OSError:
        raise NoProcess from None
    if not child:
        posix._exit(0)
    posix.waitpid(child, 0)


def ask_and_run(opening: Connection, options: Options, kinds: list[str]) -> int:
    """Submit the request on ``opening``, wait for the decision, and run the command. Returns the exit status. If a signal ended
    the command or the wait, this process ends by the same signal, and the function does not return.

    Raises UsageError, NotAuthenticated, RefusedByDaemon, Unreachable and Unwritable.
    """
    if options.background or (options.mode == "get" and options.argv):
        _demand_process()  # before anybody is asked
    command: OwnCommand | None = None
    if options.mode == "get" and options.argv:
        from jitpam.own_command import NOT_FOUND, OwnCommand, Unstartable

        try:
            command = OwnCommand(options.argv)
        except Unstartable as fault:  # this is found before anybody is asked
            opening.close()
            said = str(fault)
            if fault.status == NOT_FOUND:
                from jitpam.shell_words import explained

                said = explained(said, options)
            say(said)
            return fault.status
    try:
        message = (
            Resume(id=options.resume or "", streams=kinds, place=_place(options))
            if options.mode == "resume"
            else _submit(options, kinds)
        )
        return _ask_and_run(message, opening, options, kinds, command)
    except RefusedByDaemon as refusal:
        if options.mode != "resume" or options.json:
            raise
        from jitpam import editing, failing

        status = failing.tell(refusal)
        if refusal.code not in GOES_ON:
            editing.fetch_kept(options)
        options.say_kept()
        return status
    except _Interrupted as signal:
        options.say_kept()
        _end_by(signal.number)


def _place(options: Options) -> str:
    """Return where this jitsudo has room for the secrets of given things. A ``--get`` has looked for it before it asked."""
    return "command" if options.mode == "get" else "none" if options.to is None else "file"


def _submit(options: Options, kinds: list[str]) -> Submit | Undo | Get:
    if options.mode == "get":
        return Get(**asked_thing(options))
    if options.mode == "undo":
        return Undo(**asked_undo(options, kinds))
    if options.mode == "edit":
        fields = asked(options, kinds) | {"locale": []}
        if options.texts:
            bases = [sha256_of(base) for base in options.bases]
            return Edits(**fields, waits=options.waits, if_owed=options.if_owed, texts=options.texts, bases=bases)
        return Edit(**fields, waits=options.waits, if_owed=options.if_owed, text=options.text, base=based_on(options))
    submission = Breakglass if options.break_glass else Anew if options.anew else Submit
    return submission(**asked(options, kinds), waits=options.waits, if_owed=options.if_owed)


def _ask_and_run(message: Message, opening: Connection, options: Options, kinds: list[str], command: OwnCommand | None) -> int:
    signals = Signals()
    connection = opening.ready(News(is_quiet=options.quiet))
    n_left = MOST_ASKED
    while True:
        try:
            return _Wait(connection, signals, kinds, options, command).until_ended(message)
        except RefusedByDaemon as refusal:
            if refusal.code == "missing":
                from jitpam.shell_words import explained

                raise RefusedByDaemon(refusal.code, explained(refusal.text, options)) from None
            if refusal.code != "reason" or isinstance(message, Resume):
                raise
            missing = RefusedByDaemon(refusal.code, f"{refusal.text}; give it with --reason=TEXT")
            if not options.if_owed or not n_left:
                raise missing from None
            n_left -= 1
            signals.release()
            from jitpam.questions import ask_reason

            options.reason = ask_reason(refusal.text)
            if options.reason is None:
                raise missing from None
            from jitpam.disclosure import confirm_reason

            confirm_reason(options)
            message = _submit(options, kinds)


class _Wait:
    """Handles one request, from its submission to the end of its run."""

    def __init__(
        self, connection: Connection, signals: Signals, kinds: list[str], options: Options, command: OwnCommand | None
    ) -> None:
        self._connection = connection
        self._options = options
        self._news = News(is_quiet=options.quiet)
        self._command = command
        self._signals = signals
        self._kinds = kinds
        self._id = ""
        self._waits = False
        self._waits_since = 0.0
        self._began = time.monotonic()
        self._last: Progress | None = None
        self._expires_at: float | None = None  # on CLOCK_BOOTTIME
        self._line = ""
        self._told: set[str] = set()
        self._draws = posix.isatty(2) and options.waits and not options.quiet
        # A serial line has no size, and neither has what `ssh -tt` makes between pipes; there, each drawing would stay.
        # For a pipe behind a terminal, ssh takes that terminal's size: only its TERM can tell.
        self._redraws = self._draws and columns(2) is not None and posix.environ.get(b"TERM") != b"dumb"
        self._minute = -1
        self._leaves_by = 0
        self._leaves_until = 0.0

    def until_ended(self, message: Message) -> int:
        """Send ``message`` (Submit, Get or Resume) and wait for the decision. After the decision, follow the run or handle the
        given things until the end. Returns the exit status. If the connection to jitd is lost, reconnect and resume.
        """
        self._signals.catch(_LEAVING)
        while True:
            try:
                heard = self._until_decided(message)
                if isinstance(heard, Given):
                    self._end_line()
                    return self._hold(heard)
                break
            except NoDescriptor as fault:
                self._end_line()
                raise NoDescriptor(f"{fault}; nothing was run") from None
            except Unreachable as fault:
                self._end_line()
                if self._leaves_by:
                    raise _Interrupted(self._leaves_by) from None
                if not self._id:
                    raise
                self._connection.close()
                self._come_back(fault)
                streams = [] if self._options.mode == "get" else self._kinds
                message = Resume(id=self._id, streams=streams, place=_place(self._options))
            except RefusedByDaemon as refusal:
                self._end_line()
                if self._leaves_by:
                    say(refusal.text)
                    raise _Interrupted(self._leaves_by) from None
                later = self._options.terms.get("starts_at")
                if refusal.code == "denied" and isinstance(message, Resume) and later is not None and time.time() < later:
                    self._connection.close()  # the request was approved while the connection was lost
                    return self._run_later(later)
                if refusal.code == "unauthenticated":
                    raise NotAuthenticated("refused", self._with_resume(refusal.text)) from None
                raise
        self._end_line()
        if isinstance(heard, Done):
            self._connection.close()
            if isinstance(message, (Submit, Undo, Get)) and not message.waits:
                if self._options.json:
                    from jitpam.reporting import submitted

                    submitted(self._id)
                else:
                    print_out(self._id, f"the id of request {self._id}, which was submitted,")
                return 0
            if heard.text and not self._options.quiet:
                say(heard.text)
            later = self._options.terms.get("starts_at")
            return 0 if later is None or not isinstance(message, (Submit, Undo)) else self._run_later(later)
        return self._relay(heard)

    def _run_later(self, starts_at: int) -> int:
        """Wait until the approved grant begins (``--at``), and then use it. Returns and raises the same as ``until_ended``."""
        from jitpam.appointment import Left, in_words, wait_until

        self._waits, self._last, self._expires_at = False, None, None
        if starts_at > time.time():
            self._news.say(f"waiting until {in_words(starts_at)}; Ctrl-C stops the wait, and the approval stays")
        try:
            wait_until(starts_at, self._signals)
        except Left as left:
            say(f"request {self._id} stays approved; when its time has begun: jitsudo --resume {self._id}")
            say(f"to give it up: jitd revoke {self._id}")
            raise _Interrupted(left.number) from None
        try:
            self._connection = self._connect()
        except NotAuthenticated as refusal:
            raise NotAuthenticated(refusal.cause, self._with_resume(str(refusal))) from None
        except Unreachable as fault:
            self._come_back(fault)
        return self.until_ended(Resume(id=self._id, streams=self._kinds))

    def _until_decided(self, message: Message) -> Message:
        """Return the Start, Given or Done that follows. Raises _Interrupted, RefusedByDaemon, Unreachable."""
        said = self._connection.follow(message, self._signals.descriptor, REDRAW_EVERY if self._draws else None)
        # Import the modules now, while jitd decides. Later, an upgrade may have replaced their files.
        if self._options.mode != "run":
            from jitpam import access, holding  # noqa: F401
        if self._options.mode == "resume":
            from jitpam import editing  # noqa: F401
        if self._options.mode != "get":
            from jitpam import relay  # noqa: F401
        if self._draws:
            from jitpam import waiting_line  # noqa: F401
        if "terminal" in self._kinds:
            from jitpam import wrapping  # noqa: F401
        from jitpam import failing  # noqa: F401
        from jitpam.wire import shown  # noqa: F401

        for heard in said:
            if isinstance(heard, Progress):
                self._id, self._last = heard.id, heard
                self._options.request = heard.id
                self._expires_at = (
                    None if heard.left_ms is None else time.clock_gettime(time.CLOCK_BOOTTIME) + heard.left_ms / 1000
                )
                self._tell(heard.news, waits_on=heard.owed)
                if heard.state == "pending" and self._options.mode == "resume" and not self._options.if_owed:
                    raise RefusedByDaemon("owed", f"request {heard.id} still waits for an approval, and -n does not wait for it")
                if heard.owed and not self._waits:
                    self._waits_since = time.monotonic()
                    if self._options.bell and self._draws:
                        write("\a")
                self._waits = heard.owed
            elif isinstance(heard, Slow):
                self._tell([SLOW_DIRECTORY], waits_on=True)
            elif isinstance(heard, (Start, Given, Done)):
                if isinstance(heard, Start):
                    self._id = heard.id
                    if self._options.mode == "edit":  # a rule that asks nobody has told no request
                        self._options.request = heard.id.partition(".")[0]
                if not isinstance(heard, Done):
                    self._tell(heard.news)
                return heard
            self._look_at_signals()
            self._draw()
        raise Unreachable("jitd closed the connection")

    def _look_at_signals(self) -> None:
        """Handle the signals that have arrived. The signals in _LEAVING end jitsudo. At the first of them, withdraw the request.
        Wait at most WITHDRAWN_WITHIN seconds for jitd's answer. Then raise _Interrupted.
        """
        for number, _ in self._signals.taken():
            if number in _LEAVING and not self._leaves_by:
                self._leaves_by = number
                self._leaves_until = time.monotonic() + WITHDRAWN_WITHIN
                self._end_line()
                if not self._id:
                    raise _Interrupted(number)
                self._connection.say(Withdraw(id=self._id))
                self._await_withdrawn()

    def _await_withdrawn(self) -> None:
        try:
            while True:
                heard = self._connection.hear(self._leaves_until)
                if isinstance(heard, (Start, Given, Done)):
                    break
        except RefusedByDaemon as refusal:
            say(refusal.text)
        except Unreachable:
            from jitpam import wrapping  # noqa: F401
        self._connection.close()
        raise _Interrupted(self._leaves_by)

    def _come_back(self, fault: Unreachable) -> None:
        """Try to reconnect to jitd. Raises NotAuthenticated, _Interrupted, and Unreachable after COMES_BACK_WITHIN seconds."""
        self._news.say("jitd went away; waiting for it to come back")
        until = time.monotonic() + COMES_BACK_WITHIN
        pause = select.poll()
        pause.register(self._signals.descriptor, select.POLLIN)
        while True:
            pause.poll(TRY_EVERY * 1000)
            for number, _ in self._signals.taken():
                if number in _LEAVING:
                    raise _Interrupted(number)
            try:
                self._connection = self._connect()
                return
            except NotAuthenticated as refusal:
                raise NotAuthenticated(refusal.cause, self._with_resume(str(refusal))) from None
            except Unreachable as again:
                fault = again
            if time.monotonic() >= until or isinstance(fault, NoDescriptor):
                raise Unreachable(f"{fault}; request {self._id} was waiting: when jitd is back, jitsudo --resume {self._id}")

    def _connect(self) -> Connection:
        """Connect again. If no KDC can be reached, ask for the local password (not with -n). Raises the same as ``connect``."""
        try:
            return connect(news=self._news)
        except NotAuthenticated as lack:
            if not self._options.if_owed:
                raise
            from jitpam import local_proof

            return local_proof.begin_instead(lack).ready()

    def _with_resume(self, text: str) -> str:
        if not self._id or "--resume" in text:
            return text
        return f"{text}{', then' if text.endswith('kinit') else ': kinit, then'} jitsudo --resume {self._id}"

    def _relay(self, start: Message) -> int:
        from jitpam.relay import Relay

        assert isinstance(start, Start), "nothing else brings a control socket"

        control = self._connection.take_control()
        if self._options.to is not None:
            say("warning: the request was for a command, and nothing is given: --to has no effect")
        if self._options.background:
            self._fork()
            posix.setpgid(0, 0)  # its own process group: in the background of the terminal, and not a job of any shell
        left_ms = None if self._options.quiet or self._options.background else start.left_ms
        news = News(is_quiet=self._options.quiet or self._options.background)
        try:
            left = None if left_ms is None else left_ms / 1000
            has_waited = self._waits_since > 0 or time.monotonic() - self._began > AT_ONCE
            relay = Relay(control, self._kinds, self._signals, left, news, has_waited=has_waited)
            relay.hand_over()
        except OSError as fault:  # the monitor has no streams, so the command does not begin
            raise NoDescriptor(
                f"the command did not run: its streams cannot be handed over: {fault.strerror} (see ulimit -n)"
            ) from None
        self._connection.close()
        outcome = relay.run()
        if (outcome.ending, outcome.number) != ("exited", 0):
            if self._options.mode == "resume" and (outcome.ending != "exited" or outcome.number == 1):  # as an edit ends
                from jitpam.editing import fetch_kept

                fetch_kept(self._options)
            self._options.say_kept()
        return _end_like(outcome)

    def _fork(self) -> None:
        """Go on in a new process, and end this one with status 0. Raises NoProcess."""
        try:
            if posix.fork():
                posix._exit(0)
        except OSError:
            raise NoProcess from None

    def _hold(self, first: Given) -> int:
        """Handle the given things. Returns the exit status. Does not return if a signal ends the command or this process."""
        from jitpam.access import everything
        from jitpam.holding import Holding

        got = everything(first, self._connection)
        holding = Holding(self._connection, self._signals, self._id, got, self._options)
        self._options.request = self._id = self._id or holding.request
        ended = holding.accompany(self._command) if self._command else holding.keep()
        if ended < 0:
            _end_by(-ended)
        return ended

    # --- the waiting line

    def _draw(self) -> None:
        """Write over the previous line, and over all of it. A terminal on which nothing is written over gets a line a minute."""
        if not self._waits or not self._draws or not _is_foreground():
            return
        from jitpam.waiting_line import waiting_line
        from jitpam.wire.principals import realm_of
        from jitpam.wire.shown import cells, usual_cells

        left = None if self._expires_at is None else self._expires_at - time.clock_gettime(time.CLOCK_BOOTTIME)
        realm = realm_of(self._connection.welcome.principal)
        waited = time.monotonic() - self._waits_since
        if not self._redraws and waited // 60 <= self._minute:
            return
        room = (columns(2) or USUAL_COLUMNS) - 1
        line = waiting_line(waited, left, self._last, realm, room)
        if not self._redraws:
            self._minute = int(waited // 60)
            write(f"{line}\n")
        elif line != self._line:
            rest = min(cells(self._line) - usual_cells(line), room - cells(line))
            write(f"\r{line}{' ' * rest}")
            self._line = line

    def _end_line(self) -> None:
        if self._line:
            write("\n")
            self._line = ""

    def _erase_line(self) -> None:
        from jitpam.wire.shown import cells

        if self._line:
            write(f"\r{' ' * cells(self._line)}\r")
            self._line = ""

    def _tell(self, news: list[str], *, waits_on: bool = False) -> None:
        """Say ``news``. If the request waits on, they take the place of the waiting line, which comes again below them."""
        for sentence in () if self._news.is_quiet else news:
            if sentence not in self._told:  # after a restart, jitd sends all news again
                if waits_on:
                    self._erase_line()
                self._end_line()
                self._news.say(sentence)
        self._told.update(news)


def _is_foreground() -> bool:
    try:
        return posix.tcgetpgrp(2) == posix.getpgrp()
    except OSError:
        return False


# --- ending ------------------------------------------------------------------------------------------------------------


def _end_like(outcome: Outcome) -> int:
    """Return the exit status for ``outcome``. If a signal ended the command, end this process by the same signal."""
    if outcome.ending == "not started" and outcome.number > 128:  # Ctrl-C came before the start, so the user knows
        _end_by(outcome.number - 128)
    if outcome.because:
        say(outcome.because)
    if outcome.ending == "exited":
        return outcome.number
    if outcome.ending == "signaled":
        _end_by(outcome.number)
    if outcome.ending == "not started" and outcome.number in (126, 127):
        return outcome.number
    return UNREACHABLE


def _end_by(number: int) -> NoReturn:
    """End this process by the signal ``number``, as a shell expects. No core dump is written."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        if number not in (_signal.SIGKILL, _signal.SIGSTOP):
            _signal.signal(number, _signal.SIG_DFL)
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, [number])
        posix.kill(posix.getpid(), number)
    except (OSError, ValueError):
        pass
    posix._exit(128 + number)  # only reached as PID 1 of a container, which its own signals do not end
