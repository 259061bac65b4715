# SPDX-License-Identifier: Apache-2.0
"""What a verb asks or does on each host to which it is sent: mostly one, or with ``--hosts`` many, side by side.

Law: what many hosts answer is shown even if some of them are silent or refuse. Each of these is named afterwards, and the verb
has not succeeded then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

import click

from jitd.cli import far
from jitd.cli.answer import Row, say
from jitd.cli.call import NotDone, called, done_by, status_of
from jitd.cli.hosts import Everywhere
from jitpam.client import Connection
from jitpam.wire.messages import Message, Unlock, Watch

PART = 256


class _One:
    def __init__(self, daemon: Connection) -> None:
        self.daemon = daemon

    def answers(self, *messages: Message, among: Collection[str] | None = None) -> Sequence[list[Row]]:
        rows = [list(self.daemon.ask(message)) for message in messages]
        far.saw(self.daemon, *zip(messages, rows, strict=True))
        return rows

    def parts(self, message: Message) -> Iterator[list[Row]]:
        rows, of_each_state = iter(self.daemon.ask(message)), dict[str, Row]()
        while part := list(islice(rows, PART)):
            of_each_state |= {str(row.get("state")): row for row in part}
            yield part
        far.saw(self.daemon, (message, [*of_each_state.values()]))

    def do(self, message: Message, otherwise: str, *, is_until_done: bool = False) -> None:
        if isinstance(message, Unlock):
            from jitd.cli.signing import of_unlock  # most verbs need none of it

            message = of_unlock(self.daemon, message)
        with done_by(self.daemon):
            said = self.daemon.do(message)
        say(said or otherwise)

    def watch(self, message: Watch) -> Iterator[list[Row]]:
        for rows in self.daemon.watch(message):
            far.saw(self.daemon, (message, rows))
            yield rows

    def nothing(self, sentence: str) -> str:
        return sentence

    def end(self) -> None:
        return

    def close(self) -> None:
        return


@contextmanager
def ended(hosts: Everywhere) -> Iterator[Everywhere]:
    """Yield ``hosts``. However the verb ends, also by Ctrl-C, name those that have not answered, and leave nothing behind."""
    try:
        yield hosts
    except NotDone as fault:
        say(str(fault))
        hosts.end()
        raise click.exceptions.Exit(status_of(fault)) from None
    except BaseException:
        try:
            hosts.end()
        except NotDone as fault:
            say(str(fault))
        raise
    else:
        hosts.end()
    finally:
        hosts.close()


@contextmanager
def everywhere(followed: Everywhere | None = None) -> Iterator[Everywhere]:
    """Yield all hosts to which the verb is sent, and name those that have not answered afterwards. For ``followed``, see
    Connection.asks_beside.

    Raises the errors of ``called``, and NotDone if one of many hosts has not answered.
    """
    if (hosts := far.many()) is not None:
        with ended(far.known().everywhere(hosts)) as all_of_them:
            yield all_of_them
        return
    with called() as daemon:
        if isinstance(followed, _One):
            daemon.asks_beside(followed.daemon)
        yield _One(daemon)
