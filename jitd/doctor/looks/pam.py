# SPDX-License-Identifier: Apache-2.0
"""The PAM stack as it is written, and a session of root that is opened and closed again. Law: only in a process of its own."""

from __future__ import annotations

import subprocess
import time
from functools import partial
from pathlib import Path

from jitd.doctor.checks.pam import Line, read_stack
from jitd.monitor.pam_session import STACK, Refused, Session
from jitd.pamlint.findings import Finding
from jitd.pamlint.judgement import judge
from jitd.pamlint.linting import lint_host
from jitd.pamlint.places import Places
from jitd.pamlint.stack import read

PROGRAMS = ("sudo", "sudo-i", "su", "su-l", "doas", "login", "sshd")


def stack() -> tuple[list[Line], list[str]]:
    """The stack of the service ``jitd`` with all that it includes. Raises OSError if it cannot be read."""
    return read_stack(Path(STACK).read_text("utf-8", "replace"), _included)


def _included(service: str) -> str | None:
    source = Places().included(service, "")
    return source.data.decode("utf-8", "replace") if source else None


def linted() -> list[Finding]:
    """What pam-lint finds on this host."""
    return lint_host(Places())


def gated() -> dict[str, list[str]]:
    """The services that have a gate, by the kind in which it holds."""
    places = Places()
    found: dict[str, list[str]] = {"account": [], "session": []}
    for service in PROGRAMS:
        closed = _closed(service, places)
        if kind := next((kind for kind in found if kind in closed), None):
            found[kind].append(service)
    return found


def _closed(service: str, places: Places) -> set[str]:
    source = places.stack(service)
    if source is None:
        return set()
    found = read(service, source, partial(places.included, beside=""))
    return set() if found.is_refused else judge(service, found.handlers).closed


def knock(service: str, user: str) -> str | None:
    """What the stack of ``service`` says to ``user``, who has started that program: PAM's words, empty if they may; None where
    the application is missing that asks.
    """
    return _tried(user, service, user, "acct_mgmt")  # as set-user-id programs are


def open_session(service: str, user: str) -> str | None:
    """What the stack of ``service``, which root runs, says to a session of ``user``, which ends at once: as ``knock``."""
    return _tried("root", service, user, "open_session", "close_session")


def _tried(real: str, service: str, user: str, *operations: str) -> str | None:
    """It cannot be this process: pam_python.so brings an interpreter of its own."""
    line = ["/usr/bin/setpriv", "--ruid", real, "/usr/bin/pamtester", service, user, *operations]
    try:
        done = subprocess.run(
            line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={}, cwd="/", check=False
        )
    except OSError:
        return None
    if done.returncode == 127:
        return None
    said = " | ".join(done.stdout.decode("utf-8", "replace").split("\n")).strip(" |")
    return "" if done.returncode == 0 else said or f"status {done.returncode}"


def rehearse() -> tuple[str, float]:
    """Open a session of root and close it: PAM's sentence if that was refused, and how many seconds it took."""
    session = Session()
    began = time.monotonic()
    try:
        session.begin("root", "root", None)
    except Refused as fault:
        return str(fault), time.monotonic() - began
    took = time.monotonic() - began
    return session.close(), took
