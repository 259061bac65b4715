# SPDX-License-Identifier: Apache-2.0
"""Carries out the steps of ``jitd setup``.

Law: only what the plan shows is done. A file is written only if it is still as the plan saw it. Programs get no environment of
the caller's. The ticket of the administrator of the realm is destroyed whatever happens.
"""

from __future__ import annotations

import fcntl
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from jitd.cli.answer import answer, quote, say
from jitd.cli.call import NotDone
from jitd.cli.question import answered, can_ask
from jitd.cli.whole_file import put
from jitd_inspection.setup.host import PATH, has_key
from jitd_inspection.setup.plan import PRIVATE, TICKET, Await, Run, Step, Write

AGAIN_AFTER = 0.5  # seconds between two looks at a keytab that somebody else writes
ENDS = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)  # end the process before the ticket is destroyed. Ctrl-C raises
AGAIN = "then run jitd setup again: it goes on where it stopped"


def carry_out(steps: Sequence[Step], *, may_wait: bool, renews: bool) -> None:
    """Do all that is not right. ``may_wait``: wait for a key that somebody else makes. ``renews``: a principal that is there gets
    a new key without a question. Raises NotDone.
    """
    with _private():
        for step in steps:
            if step.is_right:
                continue
            answer(f"* {step.title}: {step.sentence}")
            if step.by_hand:
                quote(step.by_hand.removesuffix("\n").split("\n"))
                raise NotDone(f"{step.title.lower()}: nothing was done after this step; do it, {AGAIN}")
            for action in step.actions:
                match action:
                    case Write():
                        _write(action)
                    case Run():
                        _run(action, renews=renews)
                    case Await():
                        _await(action, may_wait=may_wait)
            _destroy_ticket()


@contextmanager
def _private() -> Iterator[None]:
    """Have the directory PRIVATE, alone. What a set-up that was killed has left in it is removed. Raises NotDone."""
    try:
        with suppress(FileExistsError):
            os.mkdir(PRIVATE, 0o700)
        held = os.open(f"{PRIVATE}/lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _destroy_ticket()
    except BlockingIOError:
        raise NotDone("another jitd setup runs on this host") from None
    except OSError as fault:
        raise NotDone(f"{PRIVATE} cannot be made: {fault.strerror}") from None
    before = {number: signal.signal(number, _end) for number in ENDS} | {signal.SIGINT: signal.getsignal(signal.SIGINT)}
    limits = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, limits[1]))  # kinit has the password, and others the ticket
    try:
        yield
    finally:
        for number in before:
            signal.signal(number, signal.SIG_IGN)  # so that a second one stops neither this nor kdestroy
        try:
            _destroy_ticket()
        finally:
            shutil.rmtree(PRIVATE, ignore_errors=True)
            os.close(held)
            resource.setrlimit(resource.RLIMIT_CORE, limits)
            for number, handler in before.items():
                signal.signal(number, handler)


def _destroy_ticket() -> None:
    if os.path.lexists(TICKET.removeprefix("FILE:")):
        _started(Run(("kdestroy", "-q"), has_ticket=True), stdin=subprocess.DEVNULL)  # overwrites it


def _end(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _write(file: Write) -> None:
    """Raises NotDone."""
    path, mode = Path(file.path), 0o644
    try:
        now = None
        if os.path.lexists(path):
            status = path.lstat()
            if not stat.S_ISREG(status.st_mode):
                raise NotDone(f"{path} is no regular file, and is left as it is; write this into the file that it leads to")
            now, mode = path.read_text("utf-8", "surrogateescape"), stat.S_IMODE(status.st_mode)
        if now != file.before:
            raise NotDone(f"{path} was changed meanwhile, and is left as it is; run jitd setup again")
        put(path, file.text.encode("utf-8", "surrogateescape"), mode)
    except OSError as fault:
        raise NotDone(f"{path} cannot be written: {fault.strerror}") from None


def _run(run: Run, *, renews: bool) -> None:
    """Raises NotDone."""
    quote([str(run)])
    if not run.unless:
        status = _started(run).returncode
        if status:
            raise NotDone(_failed(run, status))
        return
    done = _started(run, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = done.stdout.strip()
    quote(said.split("\n") if said else [])
    if run.unless in said:
        told = (
            "It is in the KDC already. If it gets a new key, tickets that people have for it stop working: they run kinit again."
        )
        answer(told)
        if not renews and not (can_ask() and answered("Make a new key? type yes: ") in ("y", "yes")):
            raise NotDone("the key was left as it is, and nothing was done after this step; --new-key makes a new one")
    elif done.returncode:
        raise NotDone(_failed(run, done.returncode))


def _failed(run: Run, status: int) -> str:
    name = " ".join(run.line[:2]) if run.line[0] == "jitd" else run.line[0]
    return f"{name} failed (status {status}), and says why above; mend this, {AGAIN}"


def _started(run: Run, **streams: int) -> subprocess.CompletedProcess[str]:
    """Run a program to its end. Raises NotDone if it cannot be started."""
    environment = {"PATH": PATH, "LANG": "C.UTF-8", "HOME": "/root", "TERM": os.environ.get("TERM", "dumb")}
    if run.has_ticket:
        environment["KRB5CCNAME"] = TICKET
    sys.stdout.flush()
    try:
        return subprocess.run(run.line, env=environment, umask=0o077, text=True, check=False, **streams)  # type: ignore[call-overload, no-any-return]
    except OSError as fault:
        raise NotDone(f"{run.line[0]} cannot be started: {fault.strerror}") from None


def _await(key: Await, *, may_wait: bool) -> None:
    """Wait for a key. Without lines for somebody else, it has to be there. Raises NotDone."""
    if has_key(key.keytab, key.principal):
        return
    if not key.lines:
        raise NotDone(f"{key.keytab} has no key of {key.principal}, although the program that makes it has succeeded")
    quote(key.lines)
    if not may_wait:
        raise NotDone(f"{key.keytab} has no key of {key.principal} yet; have it made, {AGAIN}")
    say("waiting for the key; Ctrl-C stops here, and jitd setup goes on later")
    with suppress(FileNotFoundError):
        while not has_key(key.keytab, key.principal):
            time.sleep(AGAIN_AFTER)
    quote(["it is there"])
