# SPDX-License-Identifier: Apache-2.0
"""``jitsudo``: claims → submit → wait → relay → end like the command (CONTRACT section 2).

Law: standard output is the command's. What we say goes to standard error, a line each, and through ``printable``. Whatever goes
wrong ends with a status of our own and a sentence; nothing ever falls back to another way of running the command.
"""

from __future__ import annotations

import os
import select
import sys
import time

from jitpam import __version__, claims
from jitpam.client import Connection, NotAuthenticated, RefusedByDaemon, Unreachable, connect
from jitpam.options import HELP, Options, UsageError, read_options
from jitpam.saying import Unwritable, fill_closed, print_out, say, write
from jitpam.signals import Signals
from jitpam.wire.messages import EXITS, Done, Message, Progress, Resume, Start, Submit, Withdraw

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from typing import Any, NoReturn

    from jitpam.relay import Outcome
else:
    import _signal  # `signal` is this and 3 ms of start

COMES_BACK_WITHIN = 30.0
"""Seconds that a waiting client gives a daemon that went away."""
TRY_EVERY = 0.2
WITHDRAWN_WITHIN = 1.0
"""Seconds that a withdrawal may take before we end all the same."""
REDRAW_EVERY = 0.5
UNAUTHENTICATED, USAGE, UNREACHABLE = 119, 120, 125
_LEAVING = (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP, _signal.SIGQUIT)


class _Interrupted(Exception):
    """A signal asked us to end while we waited."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def main() -> NoReturn:
    """Run the command line, and end as it has to."""
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL if _signal.getsignal(_signal.SIGINT) != _signal.SIG_IGN else _signal.SIG_IGN)
    kinds = claims.stream_kinds()
    fill_closed()
    try:
        ending = _run([os.fsencode(word) for word in sys.argv[1:]], kinds)
    except (UsageError, claims.NoDirectory) as fault:
        say(str(fault))
        ending = USAGE
    except NotAuthenticated as fault:
        say(str(fault))
        ending = UNAUTHENTICATED
    except RefusedByDaemon as refusal:
        say(refusal.text)
        ending = EXITS[refusal.code][0]
    except (Unreachable, Unwritable) as fault:
        say(str(fault))
        ending = UNREACHABLE
    except _Interrupted as signal:
        _end_by(signal.number)
    except Exception as fault:  # a defect of ours: the command must not run, and no trace may reach a script as its output
        say(f"internal error: {type(fault).__name__}: {fault}; the command was not run by this")
        ending = UNREACHABLE
    os._exit(ending)  # not sys.exit: a thread may still wait for a silent KDC, and taking Python apart costs a millisecond


def _run(words: list[bytes], kinds: list[str]) -> int:
    options = read_options(words)
    match options.mode:
        case "run":
            return _ask_and_run(_submit(options, kinds), options, kinds)
        case "resume":
            return _ask_and_run(Resume(id=options.resume or "", streams=kinds), options, kinds)
        case "help":
            print_out(HELP.rstrip("\n"))
            return 0
        case "version":
            print_out(f"jitsudo {__version__}")
            return 0
    from jitpam import questions

    match options.mode:
        case "validate":
            return questions.show_who()
        case "giveback":
            return questions.give_back(claims.login_session())
        case "giveback all":
            return questions.give_back(None)
    is_about_one = options.argv or options.login or options.shell or options.service != "jitsudo"
    return questions.explain(_asked(options, kinds)) if is_about_one else questions.list_rules()


def _asked(options: Options, kinds: list[str]) -> dict[str, Any]:
    """What is asked, for Submit and Explain alike."""
    cwd, device, inode = _directory(options)
    preserved, variables = claims.preserved(options.preserve, options.variables, everything=options.preserve_all)
    return {
        "service": options.service,
        "argv": _argv(options),
        "login": options.login,
        "user": options.user,
        "group": options.group,
        "cwd": cwd,
        "cwd_device": device,
        "cwd_inode": inode,
        "chdir": options.chdir is not None,
        "variables": variables,
        "preserved": preserved,
        "locale": claims.locale(),
        "streams": kinds if options.waits and options.service == "jitsudo" else [],
        "reason": options.reason or _reason_around(),
        "lasts_for": options.lasts_for,
        "uses": options.uses,
        "timeout_for": options.timeout_for,
        "tty": claims.terminal_name(),
        "login_session": claims.login_session(),
        "parents": claims.parents(),
    }


def _directory(options: Options) -> tuple[bytes, int, int]:
    try:
        return claims.directory(options.chdir)
    except claims.NoDirectory:
        if options.chdir is not None:
            raise
        say("the working directory is gone, or cannot be named; asking to run in /")
        return claims.directory(b"/")


def _argv(options: Options) -> list[bytes]:
    if not options.login and not options.shell:
        return options.argv
    from jitpam.shell import login_arguments, shell_command

    return login_arguments(options.argv) if options.login else shell_command(options.argv)


def _reason_around() -> str | None:
    found = os.environb.get(b"JITSUDO_REASON")
    if not found:
        return None
    try:
        return found.decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError("JITSUDO_REASON is not UTF-8") from None


def _submit(options: Options, kinds: list[str]) -> Submit:
    return Submit(**_asked(options, kinds), waits=options.waits, if_owed=options.if_owed)


# --- asking, waiting, running ------------------------------------------------------------------------------------------


def _ask_and_run(message: Message, options: Options, kinds: list[str]) -> int:
    signals = Signals()
    connection = connect()
    try:
        return _Wait(connection, signals, kinds, options).until_ended(message)
    except RefusedByDaemon as refusal:
        if refusal.code != "reason" or not isinstance(message, Submit) or not options.if_owed:
            raise
        signals.release()
        from jitpam.questions import ask_reason

        options.reason = ask_reason(refusal.text)
        if options.reason is None:
            raise
    return _Wait(connection, signals, kinds, options).until_ended(_submit(options, kinds))


class _Wait:
    """One request, from its submission to the end of its run."""

    def __init__(self, connection: Connection, signals: Signals, kinds: list[str], options: Options) -> None:
        self._connection = connection
        self._goes_background = options.background
        self._rings = options.bell
        self._signals = signals
        self._kinds = kinds
        self._id = ""
        self._waits = False
        self._waits_since = 0.0
        self._line = ""
        self._told: set[str] = set()
        self._redraws = os.isatty(2)
        self._leaves_by = 0
        self._leaves_until = 0.0

    def until_ended(self, message: Message) -> int:
        """Say ``message`` (Submit or Resume), wait for our turn, run. Returns the exit status."""
        self._signals.catch(_LEAVING)
        while True:
            try:
                heard = self._until_decided(message)
                break
            except Unreachable as fault:
                self._end_line()
                if self._leaves_by:
                    raise _Interrupted(self._leaves_by) from None
                if not self._id:
                    raise
                self._connection.close()
                self._come_back(fault)
                message = Resume(id=self._id, streams=self._kinds)
            except RefusedByDaemon as refusal:
                self._end_line()
                if self._leaves_by:
                    say(refusal.text)
                    raise _Interrupted(self._leaves_by) from None
                if refusal.code == "unauthenticated":
                    raise NotAuthenticated("refused", self._with_resume(refusal.text)) from None
                raise
        self._end_line()
        if isinstance(heard, Done):
            self._connection.close()
            if isinstance(message, Submit) and not message.waits:
                print_out(self._id, f"the id of request {self._id}, which was submitted,")
            elif heard.text:
                say(heard.text)
            return 0
        return self._relay()

    def _until_decided(self, message: Message) -> Message:
        """Start or Done. Raises _Interrupted, RefusedByDaemon, Unreachable."""
        said = self._connection.follow(message, self._signals.descriptor, REDRAW_EVERY if self._redraws else None)
        from jitpam import relay  # noqa: F401  # while jitd decides; not when it is our turn: by then it may be another version's

        for heard in said:
            if isinstance(heard, Progress):
                self._id = heard.id
                self._tell(heard.news)
                if heard.owed and not self._waits:
                    self._waits_since = time.monotonic()
                    if self._rings and self._redraws:
                        write("\a")
                self._waits = heard.owed
            elif isinstance(heard, (Start, Done)):
                if isinstance(heard, Start):
                    self._id = heard.id
                    self._tell(heard.news)
                return heard
            self._look_at_signals()
            self._draw()
        raise Unreachable("jitd closed the connection")

    def _look_at_signals(self) -> None:
        """At the first one that ends us the request is withdrawn, and jitd has a second to say so."""
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
                if isinstance(heard, (Start, Done)):
                    break
        except RefusedByDaemon as refusal:
            say(refusal.text)
        except Unreachable:
            pass
        self._connection.close()
        raise _Interrupted(self._leaves_by)

    def _come_back(self, fault: Unreachable) -> None:
        """A new connection, when jitd is there again. Raises Unreachable after half a minute."""
        say("jitd went away; waiting for it to come back")
        until = time.monotonic() + COMES_BACK_WITHIN
        pause = select.poll()
        pause.register(self._signals.descriptor, select.POLLIN)
        while True:
            pause.poll(TRY_EVERY * 1000)
            for number, _ in self._signals.taken():
                if number in _LEAVING:
                    raise _Interrupted(number)
            try:
                self._connection = connect()
                return
            except NotAuthenticated as refusal:
                raise NotAuthenticated(refusal.cause, self._with_resume(str(refusal))) from None
            except Unreachable as again:
                fault = again
            if time.monotonic() >= until:
                raise Unreachable(f"{fault}; request {self._id} was waiting: when jitd is back, jitsudo --resume {self._id}")

    def _with_resume(self, text: str) -> str:
        if not self._id or "--resume" in text:
            return text
        return f"{text}{', then' if text.endswith('kinit') else ': kinit, then'} jitsudo --resume {self._id}"

    def _relay(self) -> int:
        from jitpam.relay import Relay

        control = self._connection.take_control()
        if self._goes_background:
            if os.fork():
                os._exit(0)
            os.setpgid(0, 0)  # in the background of the terminal, as a job of nobody's
        relay = Relay(control, self._kinds, self._signals)
        relay.hand_over()
        self._connection.close()
        outcome = relay.run()
        return _end_like(outcome)

    # --- the waiting line

    def _draw(self) -> None:
        """The time we have waited, over itself: it only ever grows, so nothing has to be wiped."""
        if not self._waits or not self._redraws or not _is_foreground():
            return
        minutes, seconds = divmod(int(time.monotonic() - self._waits_since), 60)
        hours, minutes = divmod(minutes, 60)
        line = f"jitsudo: waiting {f'{hours}:' if hours else ''}{minutes:02}:{seconds:02}"
        if line != self._line:
            write(f"\r{line}")
            self._line = line

    def _end_line(self) -> None:
        if self._line:
            write("\n")
            self._line = ""

    def _tell(self, news: list[str]) -> None:
        for sentence in news:
            if sentence not in self._told:  # a daemon that came back tells it all again
                self._end_line()
                say(sentence)
        self._told.update(news)


def _is_foreground() -> bool:
    try:
        return os.tcgetpgrp(2) == os.getpgrp()
    except OSError:
        return False


# --- ending ------------------------------------------------------------------------------------------------------------


def _end_like(outcome: Outcome) -> int:
    """The exit status of the command; does not come back where a signal ended it."""
    if outcome.ending == "not started" and outcome.number > 128:  # a Ctrl-C that came before it: no news to who typed it
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
    """End by the same signal, as a shell expects; without a core of our own."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        if number not in (_signal.SIGKILL, _signal.SIGSTOP):
            _signal.signal(number, _signal.SIG_DFL)
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, [number])
        os.kill(os.getpid(), number)
    except (OSError, ValueError):
        pass
    os._exit(128 + number)  # PID 1 of a container cannot end so
