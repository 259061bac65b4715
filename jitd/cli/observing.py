# SPDX-License-Identifier: Apache-2.0
"""Shows a run to its watcher. This run may continue only while somebody watches it. The command is ``jitd approve ID --watch``:
the person approves the request first, and then watches its run.

Law: this program tells jitd which output was shown. It does this only after the terminal has accepted the output, and only while
this program is in the foreground. On Ctrl-C, the program sends the order to stop the run over the same connection. Therefore the
watcher does not have to authenticate again. If the run cannot be stopped, a message tells this to the watcher. If the daemon
ends, this program connects again when jitd is available again. Until then, the run's monitor measures how long the run has no
watcher.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time

import click

from jitd.cli.answer import Row, printable, say, words
from jitd.cli.call import NotDone, called, called_as_reviewer
from jitd.cli.observing_words import LEAVES, how_to_leave
from jitd.cli.screen import Screen
from jitd.cli.viewing import Watcher, ended_how, piece_of
from jitd.recording.form import Altered
from jitpam.client import ANSWER_WITHIN, Connection, NotAuthenticated, RefusedByDaemon, Unreachable
from jitpam.wire.messages import Done, Item, Observe, Seen, Stop
from jitpam.wire.rows import Request

BACK_WITHIN = 60.0  # seconds to connect again. After that, the monitor has ended the run, because nobody has watched it
TRY_EVERY = 0.5
LOOK_EVERY = 1.0  # seconds at most between two checks for typed keys


def must_be_watchable(row: Request) -> None:
    """Check that the run of the request in ``row`` can be watched here. Raises NotDone if the request's rule demands no watcher.
    Raises UsageError if standard input or standard output is not a terminal.
    """
    if row.terms is None or not row.terms.observed:
        id = printable(row.id)
        raise NotDone(f"request {id} does not have to be watched; to follow what it runs: jitd watch {id}", "usage")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("--watch needs a terminal: somebody has to see what the command does")


def observe(id: str) -> None:
    """Watch the run of the request ``id`` from its beginning to its end. Raises NotDone, RefusedByDaemon, Unreachable."""
    with Screen() as screen, tempfile.TemporaryFile() as held:
        sight = _Sight(id, screen, Watcher(screen, held))
        try:
            while not sight.is_over:
                with called_as_reviewer() as daemon:
                    try:
                        sight.follow(daemon)
                    except KeyboardInterrupt:
                        sight.finish()
                        _stop(sight, daemon)
                        return
        except Altered as fault:
            raise NotDone(f"the recording is damaged, or somebody has changed it: {fault}") from None
        except KeyboardInterrupt:  # between two connections, or while the run is being stopped
            sight.finish()
            raise NotDone(_not_stopped(sight, "you did not wait for it")) from None
        finally:
            sight.finish()
    if sight.has_left:
        say(f"you do not watch {printable(sight.id)} any more")
    else:
        say(f"{printable(sight.id)}: {ended_how(sight.watcher.end)}" if sight.offset else sight.said)


class _Sight:
    """One person's view of one run. If a connection is lost, the view continues over a new connection."""

    def __init__(self, id: str, screen: Screen, watcher: Watcher) -> None:
        self.id = id
        self.watcher = watcher
        self.offset = 0
        self.has_begun = False
        self.has_left = False
        self.is_over = False
        self.said = ""
        self._screen = screen
        self._has_waited = False

    def follow(self, daemon: Connection) -> None:
        """Watch the run over the connection ``daemon``. Return when the run has ended, or when the person stops watching. If the
        connection is lost, return when jitd can be reached again.
        """
        try:
            rows = daemon.follow(Observe(id=self.id, offset=self.offset), self._screen.keys, LOOK_EVERY)
            for heard in rows:
                if LEAVES in self._screen.typed(0):
                    self.has_left = self.is_over = True
                    return
                if isinstance(heard, Item):
                    self._take(daemon, heard.row)
            self.watcher.prove()
            self.is_over, self.said = True, f"{printable(self.id)} has ended"
        except Unreachable as fault:
            if not self.has_begun:
                raise
            self._wait_for_jitd(fault)

    def _take(self, daemon: Connection, row: Row) -> None:
        if "data" in row:
            data = piece_of(row)
            self.watcher.take(data)
            self.offset += len(data)
        elif "beat" in row:
            if os.tcgetpgrp(1) == os.getpgrp():  # in the background, nobody sees the output
                daemon.say(Seen(beat=int(row["beat"])))
        elif "waits" in row:
            if not self._has_waited:
                say(f"{printable(self.id)}: {printable(words(row, 'waits'))}; you wait for it: Ctrl-C or q leaves")
            self._has_waited = True
        elif "run" in row:
            self.id = words(row, "run")
            if not self.has_begun:
                say(how_to_leave(self.id))
            self.has_begun = True

    def _wait_for_jitd(self, fault: Unreachable) -> None:
        """Wait until jitd answers again. Raises Unreachable after BACK_WITHIN seconds."""
        say("the connection to jitd was lost: the command will soon be frozen; waiting for jitd to run again")
        until = time.monotonic() + BACK_WITHIN
        while True:
            if LEAVES in self._screen.typed(TRY_EVERY):
                self.has_left = self.is_over = True
                return
            try:
                with called():
                    return
            except Unreachable:
                if time.monotonic() >= until:
                    raise fault from None

    def finish(self) -> None:
        """Restore the colours and modes of the terminal."""
        self.watcher.finish()


def _stop(sight: _Sight, daemon: Connection) -> None:
    """The person has typed Ctrl-C. Raises NotDone and RefusedByDaemon."""
    if not sight.has_begun:
        say(f"you do not wait for {printable(sight.id)} any more; nothing was begun")
        return
    say(f"stopping {printable(sight.id)}")
    order = Stop(id=sight.id, reason="its watcher stopped it")
    try:
        try:
            said = stopped_over(daemon, order)
        except Unreachable:  # jitd may be running again
            with called_as_reviewer() as another:
                said = another.do(order)
    except RefusedByDaemon as no:
        if no.code == "late":
            raise
        raise NotDone(_not_stopped(sight, no.text), no.code) from None
    except (Unreachable, NotAuthenticated, NotDone) as fault:
        raise NotDone(_not_stopped(sight, str(fault)), "failed") from None
    say(said)


def stopped_over(daemon: Connection, order: Stop) -> str:
    """Send ``order`` over the connection ``daemon``, over which a run is being watched. Return jitd's reply to ``order``. Raises
    RefusedByDaemon and Unreachable.

    When ``order`` is sent, jitd is still sending the output of the run over this connection. jitd first ends this output, and
    then replies to ``order``. Before the reply, more rows of output may arrive. The output may also end with a refusal. This
    function discards the rows and the refusal.
    """
    daemon.say(order)
    while True:
        is_first = daemon.conversation.state == "stopping"
        try:
            heard = daemon.hear(time.monotonic() + ANSWER_WITHIN)
        except RefusedByDaemon:
            if is_first:
                continue
            raise
        if isinstance(heard, Done) and not is_first:
            return heard.text


def _not_stopped(sight: _Sight, because: str) -> str:
    if not sight.has_begun:
        return f"you do not wait for {printable(sight.id)} any more; nothing was begun"
    return f"{printable(sight.id)} was NOT stopped: {because}; if nobody else watches, it is frozen in 10 s and ended in 60 s"
