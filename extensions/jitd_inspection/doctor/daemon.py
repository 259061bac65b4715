# SPDX-License-Identifier: Apache-2.0
"""Checks whether the daemon runs and answers, and whether the daemon uses the present program, settings and policy.

Law: if no daemon runs, this module does not connect to the daemon's socket. systemd keeps the socket open, so a connection would
start a daemon. Instants are seconds since 1970.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from jitd import extensions
from jitd.core.holding import Holding
from jitd.core.toml_document import ConfigError
from jitd.settings.config import Config
from jitd_inspection.doctor import files
from jitd_inspection.doctor.finding import Result, bad, count, ok, unknown, weak
from jitd_inspection.doctor.host import Host, Running
from jitd_inspection.doctor.state import given_still, policy_in_force
from jitpam import __version__
from jitpam.client import NotAuthenticated, RefusedByDaemon, Unreachable, connect, is_set_up


@dataclass(frozen=True, slots=True)
class Answered:
    """The daemon's answer: ``host`` as it calls itself, the seconds that it ``took``, or ``why_not``."""

    host: str = ""
    took: float = 0.0
    why_not: str = ""


def examine_set_up(host: Host) -> Iterator[Result]:
    """Yield a finding if nothing was set up since the installation. The other findings are its consequences."""
    if not is_set_up(str(host.config.socket)):
        yield untouched()


def untouched() -> Result:
    """A host on which nothing was set up yet."""
    return bad("setup", "jitd is not set up on this host yet", "as root: jitd setup")


def examine(host: Host) -> Iterator[Result]:
    """Yield the findings about the daemon's socket and about the daemon's answer."""
    path = host.config.socket
    yield from there(host.daemon, host.start)
    yield files.above("socket.directory", files.see_above(path))
    yield files.socket("socket.mode", files.see(path), host.bind)
    if host.daemon.pid:
        yield answer(ask(path)[0], host.config.host, host.restart)
        yield from uids(used_up(host.config))
    else:
        yield from left_alone(given_still(host.database), host.start)


def examine_age(host: Host) -> Iterator[Result]:
    """Yield the findings on whether the daemon uses the present program, settings and policy."""
    if not host.daemon.pid:
        return
    yield version(host.daemon, files.installed_at(), __version__, host.restart)
    yield settings(changed_at(host.file), host.daemon, str(host.file), host.restart)
    digest, n_rules = None, 0
    with suppress(ConfigError):
        written = host.policy()
        digest, n_rules = written.digest, len(written.rules)
    yield policy(policy_in_force(host.database), digest, n_rules, host.reload)


def ask(socket: Path, *, with_ticket: bool = False) -> tuple[Answered, str]:
    """Connect to the daemon. Return the daemon's answer, and the caller's principal according to the daemon."""
    os.environ["JITD_SOCKET"] = str(socket)
    began = time.monotonic()
    try:
        connection = connect(with_ticket=with_ticket)
    except (Unreachable, RefusedByDaemon, NotAuthenticated) as fault:
        return Answered(why_not=str(fault)), ""
    took = time.monotonic() - began
    connection.close()
    return Answered(connection.welcome.host, took), connection.welcome.principal


def changed_at(file: Path) -> float | None:
    """Return the time at which ``file`` was last written. Return None if ``file`` does not exist."""
    with suppress(OSError):
        return os.stat(file).st_mtime
    return None


def there(found: Running, start: str) -> Iterator[Result]:
    """Check that a daemon runs, and that no second daemon runs."""
    if found.pid:
        yield ok("daemon.runs", f"jitd runs (process {found.pid})")
    else:
        said = "no jitd runs here: nobody can ask for anything"
        yield bad("daemon.runs", said, "and read why: journalctl -u jitd", command=start)
    if found.others:
        pids = " ".join(map(str, found.others))
        said = f"another jitd, with its own record, runs on this host (process {pids})"
        what = "neither jitd sees or revokes what the other jitd permits"
        yield weak("daemon.alone", f"{said}: {what}", f"if nobody needs the other jitd: kill {pids}")
    elif found.pid:
        yield ok("daemon.alone", "no other jitd runs on this host")


def answer(found: Answered, host: str, restart: str) -> Result:
    """Check that the daemon answers within one second, and that its answer contains the right name of the host."""
    check = "daemon.answers"
    if found.why_not:
        return bad(check, f"the daemon is there and does not answer: {found.why_not}", command=restart)
    if found.host != host:
        return bad(check, f"the daemon that answers calls itself {found.host}, and the settings say {host}", command=restart)
    if found.took > 1:
        return weak(check, f"the daemon took {found.took:.1f} s to answer", "see what keeps this host busy: top, iostat")
    return ok(check, f"the daemon answers ({found.took * 1000:.0f} ms)")


def version(found: Running, installed_at: float, number: str, restart: str) -> Result:
    """Check that the daemon runs what is installed, whose newest file is from ``installed_at``."""
    if found.is_replaced or installed_at > found.started_at + 1:
        what = "Python" if found.is_replaced else "jitd"
        said = f"{what} was installed again after the daemon had started: the daemon still runs the old one"
        return weak("daemon.version", said, "running commands and waiting requests continue after the restart", command=restart)
    return ok("daemon.version", f"the daemon runs what is installed, {number}")


def settings(changed_at: float | None, found: Running, file: str, restart: str) -> Result:
    """Check that the daemon has read the settings, which were last written at ``changed_at``, or None without a file."""
    if changed_at is not None and changed_at > found.started_at + 1:
        said = f"{file} was written after the daemon had started: the daemon reads it only when it starts"
        return weak("daemon.settings", said, command=restart)
    return ok("daemon.settings", "the daemon was started after its settings were written")


def used_up(config: Config) -> dict[str, tuple[int, int] | str]:
    """Return for each giver of accounts how many of its uids are used up, and how many it has, or why this is not known."""
    if not extensions.is_used("things"):
        return {}
    from jitd_things.givers.account import Account
    from jitd_things.givers.account_notes import NOTES, AccountNotes
    from jitd_things.givers.account_numbers import n_used
    from jitd_things.settings import ThingSection

    found: dict[str, tuple[int, int] | str] = {}
    for name, giver in config.of(ThingSection).givers.items():
        if isinstance(giver, Account):
            try:
                found[name] = n_used(giver.uids, AccountNotes(NOTES))
            except OSError as fault:
                found[name] = f"{NOTES}: {fault.strerror}"
    return found


def uids(found: Mapping[str, tuple[int, int] | str]) -> Iterator[Result]:
    """Report givers of accounts that soon have no uid any more, because no uid is used twice."""
    for name, numbers in found.items():
        if isinstance(numbers, str):
            yield unknown("daemon.uids", f"the used uids of [givers.{name}] are not known ({numbers})", "run jitd doctor as root")
        elif numbers[0] * 5 >= numbers[1] * 4:
            said = f"{numbers[0]} of the {numbers[1]} uids of [givers.{name}] are used up, and no uid is used twice"
            yield weak("daemon.uids", said, f'set "uids" of [givers.{name}] in jitd.toml to a new range')
        else:
            yield ok("daemon.uids", f"{numbers[0]} of the {numbers[1]} uids of [givers.{name}] are used up")


def left_alone(held: Sequence[Holding], start: str) -> Iterator[Result]:
    """``held`` contains things that jitd gave to people. No daemon runs, so nobody takes them back. Report each of them."""
    for one in held:
        until = f"{one.until.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        said = f"{one.to} was given {one.thing} until {until} ({one.id}): while no jitd runs, nobody takes {one.thing} back"
        yield bad("daemon.things", said, f"then check whether {one.to} still has the thing: jitd grants", command=start)


def policy(in_force: str | None, of_files: str | None, n_rules: int, reload: str) -> Result:
    """Compare the digest of the policy in force with the digest of the policy files. If a digest is not known, it is None."""
    check = "policy.in_force"
    if of_files is None:
        said = "the files of the policy have faults: an older policy is in force, or none"
        return bad(check, said, "correct the faults first", command=reload)
    if in_force is None:
        return unknown(
            check, "the record does not tell which policy is in force", "restart the daemon: it then records the policy"
        )
    if in_force != of_files:
        return bad(check, "the policy in force is not what the files say now", command=reload)
    return ok(check, f"the policy in force is what the files say ({count(n_rules, 'rule')})")
