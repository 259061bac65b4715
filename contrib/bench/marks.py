# SPDX-License-Identifier: Apache-2.0
"""Put around the product's own functions in a scratch copy of its two commands: each notes when it is passed, and by whom.

Law: the product knows nothing of this. What is wrapped does what it did; a mark is one line, by one write, into one file, and
what the marks themselves cost is in the table like everything else.
"""

from __future__ import annotations

import posix
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

HERE = "/srv/stations"
CLOCK = f"{HERE}/passed"


def mark(name: str, at: int | None = None) -> None:
    """``name`` is passed now, or was at ``at`` (monotonic, in ns)."""
    line = b"%d %s\n" % (time.monotonic_ns() if at is None else at, name.encode())
    file = posix.open(CLOCK, posix.O_WRONLY | posix.O_APPEND | posix.O_CLOEXEC)
    posix.write(file, line)
    posix.close(file)


def after(owner: Any, name: str, station: str | Callable[..., str | None]) -> None:
    """Note when ``owner.name`` has returned. A function as ``station`` is given what came out, then what went in."""
    inner = getattr(owner, name)

    def outer(*given: Any, **named: Any) -> Any:
        found = inner(*given, **named)
        passed = station if isinstance(station, str) else station(found, *given)
        if passed:
            mark(passed)
        return found

    setattr(owner, name, outer)


def before(owner: Any, name: str, station: str, then: Callable[[], None] | None = None) -> None:
    """Note when ``owner.name`` is called, and do something more."""
    inner = getattr(owner, name)

    def outer(*given: Any, **named: Any) -> Any:
        mark(station)
        if then is not None:
            then()
        return inner(*given, **named)

    setattr(owner, name, outer)


def awaited(owner: Any, name: str, station: str) -> None:
    """Note when the coroutine ``owner.name`` has returned."""
    inner = getattr(owner, name)

    async def outer(*given: Any, **named: Any) -> Any:
        found = await inner(*given, **named)
        mark(station)
        return found

    setattr(owner, name, outer)


def in_client() -> None:
    """Around ``jitsudo``."""
    from jitpam.client import Connection
    from jitpam.initiator import Initiator

    after(Initiator, "__init__", "libraries")
    after(Initiator, "obtain_ticket", "ticket")
    after(Initiator, "first_token", "first token")
    after(Connection, "_connect", "connected")
    after(Connection, "_say", lambda _, connection, message, until: f"client said {message.type}")
    after(Connection, "_next_message", lambda heard, _: heard and f"client heard {heard[0].type}")
    before(Connection, "ready", "all loaded", then=_in_asking)
    before(posix, "_exit", "client leaves")


def _in_asking() -> None:
    from jitpam import asking  # not before: the client takes its time for it while jitd looks at its proof

    before(asking._Wait, "_relay", "its turn", then=_in_relay)


def _in_relay() -> None:
    from jitpam.relay import Relay  # not before: the client takes its time for it later

    after(Relay, "hand_over", "streams given")
    after(Relay, "run", "outcome heard")


def in_daemon() -> None:
    """Around ``jitd serve``, and, by the line that it starts its launcher with, around that."""
    from jitd.deciding.decider import Decider
    from jitd.executor import direct
    from jitd.executor.monitors import Monitors
    from jitd.lifecycle import jobs
    from jitd.lifecycle.lifecycle import Lifecycle
    from jitd.lifecycle.perform import Perform
    from jitd.server.acceptor import Acceptor
    from jitd.server.connection import Connection
    from jitd.server.listener import Listener
    from jitpam.wire.conversation import Conversation

    direct.LAUNCHER = (
        f"import sys; sys.path += [*sys.argv[1:-2], {HERE!r}]; import marks; marks.in_launcher(); "
        "from jitd.monitor.launcher import main; raise SystemExit(main())"
    )
    after(Listener, "_admit", "accepted")
    before(Connection, "_frame", "daemon has a frame")
    after(Conversation, "hear", lambda _, talk, message: f"daemon heard {message.type}")
    after(Acceptor, "accept", "proved")
    after(Connection, "say", lambda _, connection, message, *more: f"daemon said {message.type}")
    awaited(Connection, "_admit", "admitted")
    awaited(Decider, "decide_new", "screened")
    before(Lifecycle, "handle", "decided")
    after(Lifecycle, "handle", "committed")
    after(jobs, "job_of", "job made")
    awaited(Monitors, "start", "job handed over")
    before(Perform, "monitor_is_ready", "daemon heard ready")
    after(Monitors, "go", "daemon said go")


def in_launcher() -> None:
    """Around the launcher, and so around the monitors, the holders and the commands that are forked from it."""
    from jitd.monitor import birth, child, holder, launcher, monitor
    from jitd.monitor.client import Client
    from jitd.monitor.housing import Housing
    from jitd.monitor.pam_session import Session

    after(launcher, "receive", "launcher has the job")
    after(birth, "receive", "monitor has the job")
    after(birth, "read_job", "job read")
    after(Housing, "take", "housed")
    before(holder.Spare, "take", "before the holder")
    before(holder, "_hold_session", "holder has the job")
    after(Session, "_do", lambda _, session, call, what: call.__name__)
    after(Housing, "fork_beside", lambda pid, _: "command forked" if pid == 0 else None)
    after(child, "_streams", "streams taken")
    after(child, "what_to_execute", "file compared")
    after(child, "become", "became")
    before(child, "_execute", "executes")
    after(monitor.Monitor, "_report", lambda _, self: f"monitor said {self.state}")
    before(Client, "say_end", "reaped")
