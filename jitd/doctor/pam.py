# SPDX-License-Identifier: Apache-2.0
"""The PAM stack that a run's account and session go through. Law: pure; a line that cannot be understood is a finding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from jitd.doctor.checks.finding import Finding, bad, ok, unknown, weak
from jitd.pamlint.findings import Finding as Linted
from jitd.pamlint.stack import KINDS, Source, read

ENFORCED = ("required", "requisite")


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its type, its control, its module's name without directory."""

    kind: str
    control: str
    module: str


def read_stack(text: str, included: Callable[[str], str | None]) -> tuple[list[Line], list[str]]:
    """The lines of a stack with what it includes, and what makes no sense. ``included`` gives the text of a service's file."""

    def find(name: str) -> Source | None:
        inner = included(name)
        return None if inner is None else Source(name, inner.encode("utf-8", "surrogateescape"))

    read_from = read("jitd", Source("/etc/pam.d/jitd", text.encode("utf-8", "surrogateescape")), find)
    lines = [
        Line(handler.kind, handler.control.lower(), handler.name)
        for kind in KINDS
        for handler in read_from.handlers[kind]
        if not (handler.must_fail or handler.is_substack)
    ]
    return lines, [fault.sentence for fault in read_from.faults]


def stack(path: str, lines: list[Line], odd: list[str]) -> list[Finding]:
    """What the stack asks, and what it must not do."""
    findings = [
        bad("pam.stack", f"{path}: {sentence}", "correct that line; pam.conf(5) says what one looks like") for sentence in odd
    ]
    account = [line for line in lines if line.kind == "account"]
    session = [line for line in lines if line.kind == "session"]
    if not any(line.module == "pam_unix.so" for line in account):
        findings.append(
            bad("pam.account", f"{path} does not ask whether an account has expired",
                f"write into {path}: account  required  pam_unix.so no_pass_expiry")
        )  # fmt: skip
    elif skips := _skipping(account):
        findings.append(
            bad("pam.account", f"{path}: {skips} comes before pam_unix.so and can end the stack without it",
                "put the line of pam_unix.so first, with required")
        )  # fmt: skip
    elif not any(line.module == "pam_unix.so" and _is_enforced(line.control) for line in account):
        findings.append(
            bad("pam.account", f"{path}: what pam_unix.so says of an account is not enforced",
                f"write into {path}: account  required  pam_unix.so no_pass_expiry")
        )  # fmt: skip
    else:
        findings.append(ok("pam.account", f"{path} refuses accounts that have expired"))
    modules = {line.module for line in session}
    if "pam_systemd.so" in modules:
        findings.append(
            bad("pam.session", f"{path} has pam_systemd.so in its session: it moves the command out of reach of a revocation",
                "take that line out, and name modules one by one in place of common-session")
        )  # fmt: skip
    elif "pam_loginuid.so" in modules:
        findings.append(
            bad("pam.session", f"{path} has pam_loginuid.so in its session: the kernel's audit would blame the target",
                "take that line out: jitd records the requester")
        )  # fmt: skip
    elif "pam_limits.so" not in modules:
        findings.append(
            weak("pam.session", f"{path} sets no limits: /etc/security/limits.conf does not bind what is run",
                 f"write into {path}: session  required  pam_limits.so")
        )  # fmt: skip
    else:
        findings.append(ok("pam.session", f"{path} sets the target's limits, and leaves control groups alone"))
    return findings


def _is_enforced(control: str) -> bool:
    return control in ENFORCED or "default=die" in control or "default=bad" in control or "success=" in control


def _skipping(account: list[Line]) -> str:
    """A module before pam_unix.so whose success ends the stack."""
    for line in account:
        if line.module == "pam_unix.so":
            return ""
        if line.control == "sufficient" or "success=done" in line.control or "default=done" in line.control:
            return line.module
    return ""


def rehearsal(because: str, took: float) -> Finding:
    """How opening a session of root went: ``because`` is PAM's sentence if it did not."""
    if because:
        return bad("pam.opens", f"no session of root can be opened, so no run as root begins: {because}",
                   "see journalctl -t jitd, and /var/log/auth.log; contrib/pam.d/jitd is the stack as it comes")  # fmt: skip
    if took > 1:
        return weak(
            "pam.opens",
            f"opening a session took {took:.1f} s, and each run waits for that",
            "see which module of /etc/pam.d/jitd is slow",
        )
    return ok("pam.opens", f"a session of root opens and closes ({took * 1000:.0f} ms)")


STRANGER = "nobody"
"""Whom no rule can be about: an account that may not ask."""
OURS = "jitd: "
"""How everything begins that the gate itself says."""


def gates(found: Iterable[Linted], services: Sequence[str]) -> Iterator[Finding]:
    """What ``jitd pam-lint`` has found. ``services`` are those whose stacks ask jitd."""
    found = [each for each in found if each.name not in ("no-gate", "links-unprotected")]
    for each in found:
        make = {"bad": bad, "unknown": unknown}.get(each.severity, weak)
        yield make("pam.gates", f"{each.place}: {each.sentence}", each.mend)
    if not found and services:
        yield ok("pam.gates", f"the stacks that ask jitd have no way around it: {', '.join(services)}")


def links(found: Iterable[Linted], services: Sequence[str]) -> Iterator[Finding]:
    """Whether the kernel keeps people's links from what runs as root, where ``services`` ask jitd."""
    found = [each for each in found if each.name == "links-unprotected"]
    for each in found:
        make = unknown if each.severity == "unknown" else weak
        yield make("host.links", f"{each.place}: {each.sentence}", each.mend)
    if not found and services:
        yield ok("host.links", "the kernel keeps programs of root's from links of others")


def tried_session(service: str, strangers: str | None) -> Finding:
    """How the stack of ``service``, whose gate holds in ``session``, answers a stranger. Whether jitd was asked does not show:
    who may not ask is told nothing there. Root's own session is not opened for a trial.
    """
    if strangers is None:
        return weak("pam.gates", f"whether the gate of {service} holds was not tried", "apt install pamtester, and ask again")
    if not strangers:
        told = f"the stack of {service} opens a session for {STRANGER}, who may not ask"
        return bad("pam.gates", told, f"see what goes around the gate: jitd pam-lint /etc/pam.d/{service}")
    return ok("pam.gates", f"the gate of {service} opens no session for a stranger; that it asks jitd shows the first login")


def knocked(service: str, strangers: str | None, roots: str | None) -> Finding:
    """How the stack of ``service`` answers a stranger, and root at the console: PAM's words, empty where it lets them in; None
    where they could not be asked for.
    """
    if strangers is None or roots is None:
        return weak("pam.gates", f"whether the gate of {service} answers was not tried", "apt install pamtester, and ask again")
    if not strangers:
        told = f"the stack of {service} lets in {STRANGER}, who may not ask"
        return bad("pam.gates", told, f"see what goes around the gate: jitd pam-lint /etc/pam.d/{service}")
    if roots:
        mend = f"keep a root shell open, and write the first line of contrib/pam.d/{service} into /etc/pam.d/{service}"
        return bad("pam.gates", f"the stack of {service} does not let root in: {roots}", mend)
    if OURS not in strangers:
        told = f"the gate of {service} is not asked, so that nobody but root gets in: {strangers}"
        return bad(
            "pam.gates", told, "see /var/log/auth.log: pam_python.so (package libpam-python) loads /usr/lib/jitd/pam_jit.py"
        )
    return ok("pam.gates", f"the gate of {service} asks jitd, and leaves root alone")
