# SPDX-License-Identifier: Apache-2.0
"""Checks of the stack by which local passwords are checked while no KDC can be reached (``/etc/pam.d/jitd-local``).

Law: the stack is read, and nobody is authenticated by it. Conclusions are pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from jitd.doctor import files
from jitd.doctor.finding import Finding, bad, ok
from jitd.monitor.proof_orders import SERVICE, STACK
from jitd.pamlint.gates import is_gate, looks_like_gate
from jitd.pamlint.places import Places
from jitd.pamlint.stack import KINDS, Source, Stack, read

WITHOUT_PASSWORD = frozenset(
    ("pam_permit.so", "pam_rootok.so", "pam_succeed_if.so", "pam_env.so", "pam_debug.so", "pam_listfile.so", "pam_wheel.so")
    + ("pam_localuser.so", "pam_group.so", "pam_nologin.so", "pam_securetty.so", "pam_exec.so", "pam_faillock.so")
)
"""Modules that look at no password."""
ENDING = ("sufficient", "success=done", "default=done")
FIRST = f"use contrib/pam.d/{SERVICE} as it comes"


def examine() -> Iterator[Finding]:
    """Yield the findings about the stack; one that says so if there is none."""
    seen = files.see(STACK)
    if seen.is_missing:
        yield ok("pam.local", f"there is no {STACK}, so no local password counts while the KDC is down")
        return
    yield files.closed("pam.local.file", seen, f"the stack of contrib/pam.d/{SERVICE}")
    places = Places()

    def included(service: str) -> str | None:
        source = places.included(service, "")
        return source.data.decode("utf-8", "replace") if source else None

    yield judged(read_stack(Path(STACK).read_text("utf-8", "replace"), included))


def read_stack(text: str, included: Callable[[str], str | None]) -> Stack:
    """Read the stack with all that it includes. ``included`` returns the text of a service's file, or None."""

    def find(name: str) -> Source | None:
        inner = included(name)
        return None if inner is None else Source(name, inner.encode("utf-8", "surrogateescape"))

    return read(SERVICE, Source(STACK, text.encode("utf-8", "surrogateescape")), find)


def judged(found: Stack) -> Finding:
    """Judge the stack: it asks for one password of the account, says yes to nobody without it, and does not ask jitd."""
    for fault in found.faults:
        return bad("pam.local", f"{STACK}: {fault.sentence}", "correct that line; pam.conf(5) says what one looks like")
    handlers = [handler for kind in KINDS for handler in found.handlers[kind] if not handler.is_substack]
    if any(is_gate(handler) or looks_like_gate(handler) for handler in handlers):
        said = f"{STACK} asks jitd, and jitd asks it: nobody can prove a local password"
        return bad("pam.local", said, f"take the gate's lines out of it; {FIRST}")
    if loose := next((handler for handler in handlers if "nullok" in handler.arguments), None):
        return bad("pam.local", f"{STACK}: {loose.name} has nullok: an empty password is one", f"take nullok out; {FIRST}")
    asked = [handler for handler in found.handlers["auth"] if not (handler.is_substack or handler.must_fail)]
    passwords = [number for number, handler in enumerate(asked) if handler.name not in WITHOUT_PASSWORD]
    early = asked[: passwords[0]] if passwords else asked
    if not passwords or any(word in handler.control.lower() for handler in early for word in ENDING):
        said = f"{STACK} can say yes before it has looked at a password"
        return bad("pam.local", said, f"write into {STACK}: auth  required  pam_unix.so; {FIRST}")
    return ok("pam.local", f"{STACK} asks for a password, and does not ask jitd")
