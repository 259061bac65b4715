# SPDX-License-Identifier: Apache-2.0
"""Watching a run that may run only while somebody watches: ``jitd approve ID --watch``, once the request is approved.

Law: jitd is told that the screen has shown something only after the terminal has taken it, in the foreground. Ctrl-C stops the
run, over the connection on which it is watched: nobody is asked again who they are. If that fails, the watcher reads so. If jitd
goes away, the watcher comes back by itself, and the run's monitor counts the time until then.
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

BACK_WITHIN = 60.0
"""Seconds for which a watcher tries to reach a daemon that has gone. After that the run has been ended."""
TRY_EVERY = 0.5
LOOK_EVERY = 1.0
"""Seconds, at most, between two looks at the keys."""


def must_be_watchable(row: Row) -> None:
    """Raise NotDone unless the request in ``row`` has to be watched, and this is a terminal on which that can be done."""
    terms = row.get("terms")
    is_observed = row.get("observed") or (isinstance(terms, dict) and terms.get("observed"))
    if not is_observed:
        id = printable(words(row, "id"))
        raise NotDone(f"request {id} does not have to be watched; to follow what it runs: jitd watch {id}", "usage")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("--watch needs a terminal: somebody has to see what the command does")


def observe(id: str) -> None:
    """Watch the run of the request ``id``, from its beginning to its end. Raises NotDone, RefusedByDaemon and Unreachable."""
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
            raise NotDone(f"the recording is not what was written: {fault}") from None
        except KeyboardInterrupt:  # between two connections, or while it stops the run
            sight.finish()
            raise NotDone(_not_stopped(sight, "you did not wait for it")) from None
        finally:
            sight.finish()
    if sight.has_left:
        say(f"you do not watch {printable(sight.id)} any more")
    else:
        say(f"{printable(sight.id)}: {ended_how(sight.watcher.end)}" if sight.offset else sight.said)


class _Sight:
    """One person's view of one run, over as many connections as it takes."""

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
        """Watch over ``daemon`` until the run is over, the person leaves, or the connection is lost and jitd is back."""
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
            if os.tcgetpgrp(1) == os.getpgrp():  # in the background nobody sees it
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
        """Wait until jitd answers again. Raises Unreachable after BACK_WITHIN."""
        say("jitd went away: the command is frozen soon; waiting for jitd to come back")
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
    """Stop the run that was watched over ``daemon``: the person has typed Ctrl-C. Raises NotDone and RefusedByDaemon."""
    if not sight.has_begun:
        say(f"you do not wait for {printable(sight.id)} any more; nothing was begun")
        return
    say(f"stopping {printable(sight.id)}")
    order = Stop(id=sight.id, reason="its watcher stopped it")
    try:
        try:
            said = stopped_over(daemon, order)
        except Unreachable:  # jitd may be back
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
    """Say ``order`` over ``daemon``, which observes. Return jitd's answer. Raises RefusedByDaemon and Unreachable.

    What jitd sent of the run meanwhile is not shown any more. It ends with an answer of its own, also with a refusal.
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
