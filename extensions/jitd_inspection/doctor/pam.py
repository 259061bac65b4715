# SPDX-License-Identifier: Apache-2.0
"""Checks of the PAM stack of runs, and of the PAM stacks of other programs that query jitd. In these other stacks, the line that
queries jitd is called the gate. The checks examine the lines and the answers of all these stacks.

Law: these checks run in a separate process. The check of the stack of runs opens a session of root, and closes it again. The
checks of the other stacks give access to nobody.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from jitd.hosts.findings import Linted
from jitd.hosts.places import Places
from jitd.hosts.stack import Handler, Source, Stack, read
from jitd.monitor.pam_session import STACK, Refused, Session
from jitd.monitor.pam_stack import why_unset
from jitd_inspection.doctor import files
from jitd_inspection.doctor.domains import Domain, asking, domains, mapping
from jitd_inspection.doctor.finding import Result, bad, ok, unknown, weak
from jitd_inspection.pamlint.judgement import judge
from jitd_inspection.pamlint.linting import lint_host

NSSWITCH = Path("/etc/nsswitch.conf")
ENFORCED = ("required", "requisite")
PROGRAMS = ("sudo", "sudo-i", "su", "su-l", "doas", "login", "sshd")
STRANGER = "nobody"  # jitd accepts no requests from this account. Therefore no rule can permit anything to this account.
OURS = "jitd: "  # the beginning of each sentence that the gate itself prints


def examine() -> Iterator[Result]:
    """Yield the findings about the stack of runs, and about a session that the stack opens."""
    seen = files.see(STACK)
    yield files.closed("pam.file", seen, "the stack of contrib/pam.d/jitd")
    if not seen.is_missing:
        yield from stack(STACK, read_stack(Path(STACK).read_text("utf-8", "replace"), included))
        yield rehearsal(*rehearse())


def examine_requester(service: str) -> Iterator[Result]:
    """Yield a finding about ``service``, the PAM service that jitd asks about the account of a requester ([pam] requester)."""
    try:
        nsswitch = NSSWITCH.read_text("utf-8", "replace")
    except OSError:
        nsswitch = ""
    yield requester(service, nsswitch, tuple(domains()), because=why_unset(service, "account") if service else "")


def requester(service: str, nsswitch: str, found: Sequence[Domain] = (), *, because: str) -> Result:
    """Judge whether jitd asks the account policy of the host. ``nsswitch`` is the text of nsswitch.conf(5), ``found`` are the
    domains of SSSD. ``because`` says why ``service`` is not set up, or is empty.
    """
    sources = " ".join(re.findall(r"^[ \t]*passwd[ \t]*:([^#\n]*)", nsswitch, re.MULTILINE)).split()
    joined = next((source for source in ("sss", "winbind") if source in sources), "")
    if service and because:
        said = f"jitd asks the PAM service {service} about requesters, and all are denied: {because}"
        return bad("pam.requester", said, "the stack of contrib/pam.d/jitd-account is made for this")
    if service and (lines := mapping(found, service)):
        said = f"jitd asks the PAM service {service} about requesters, and SSSD denies all: no right to log on is mapped to it"
        return bad("pam.requester", said, lines)
    if service:
        return ok("pam.requester", f"jitd asks the account stage of {service} about requesters")
    if joined:
        said = f"accounts come from {joined}, and jitsudo does not ask its rules about who may use this host, as sudo does"
        return weak("pam.requester", said, asking(found))
    return ok("pam.requester", "accounts come from no directory that says who may use this host")


def included(service: str) -> str | None:
    """Return the text of the file of ``service``, which a stack includes. Return None if there is no such file."""
    source = Places().included(service, "")
    return source.data.decode("utf-8", "replace") if source else None


def read_stack(text: str, included: Callable[[str], str | None], service: str = "jitd", file: str = STACK) -> Stack:
    """Read the stack of ``service``, whose ``file`` has the text ``text``, and all files that it includes. ``included`` returns
    the text of a service's file, or None if there is no such file.
    """

    def find(name: str) -> Source | None:
        inner = included(name)
        return None if inner is None else Source(name, inner.encode("utf-8", "surrogateescape"))

    return read(service, Source(file, text.encode("utf-8", "surrogateescape")), find)


def rehearse() -> tuple[str, float]:
    """Open a session of root, and close it. Return PAM's error text and the duration in seconds. The error text is empty if
    nothing failed.
    """
    session = Session()
    began = time.monotonic()
    try:
        session.begin("root", "root", None)
    except Refused as fault:
        return str(fault), time.monotonic() - began
    took = time.monotonic() - began
    return session.close(), took


def stack(path: str, found: Stack) -> Iterator[Result]:
    """Judge the account checks and the session of the stack of runs."""
    for fault in found.faults:
        yield bad("pam.stack", f"{path}: {fault.sentence}", "correct that line; pam.conf(5) says what one looks like")
    yield account(path, _steps(found, "account"))
    yield session(path, {step.name for step in _steps(found, "session")})


def _steps(found: Stack, kind: str) -> list[Handler]:
    """Return the lines of type ``kind`` that run a module."""
    return [handler for handler in found.handlers[kind] if not (handler.must_fail or handler.is_substack)]


def account(path: str, steps: list[Handler]) -> Result:
    """Check that the stack refuses an expired account."""
    asking = [step.name == "pam_unix.so" for step in steps]
    write = f"write into {path}: account  required  pam_unix.so no_pass_expiry"
    if not any(asking):
        return bad("pam.account", f"{path} does not ask whether an account has expired", write)
    skipping = next((step.name for step in steps[: asking.index(True)] if _ends_the_stack(step.control.lower())), "")
    if skipping:
        said = f"{path}: {skipping} comes before pam_unix.so and can end the stack without it"
        return bad("pam.account", said, "put the line of pam_unix.so first, with required")
    if not any(step.name == "pam_unix.so" and _is_enforced(step.control.lower()) for step in steps):
        return bad("pam.account", f"{path}: what pam_unix.so says of an account is not enforced", write)
    return ok("pam.account", f"{path} refuses accounts that have expired")


def _ends_the_stack(control: str) -> bool:
    return control == "sufficient" or "success=done" in control or "default=done" in control


def _is_enforced(control: str) -> bool:
    return control in ENFORCED or "default=die" in control or "default=bad" in control or "success=" in control


def session(path: str, modules: set[str]) -> Result:
    """Check that the session sets limits, and does not change settings that jitd makes itself."""
    if "pam_systemd.so" in modules:
        said = f"{path} has pam_systemd.so in its session: it moves the command out of reach of a revocation"
        return bad("pam.session", said, "take that line out, and name modules one by one in place of common-session")
    if "pam_loginuid.so" in modules:
        said = f"{path} has pam_loginuid.so in its session: the kernel's audit would name the target account"
        return bad("pam.session", said, "take that line out: jitd records the requester")
    if "pam_limits.so" not in modules:
        said = f"{path} sets no limits: /etc/security/limits.conf does not bind what is run"
        return weak("pam.session", said, f"write into {path}: session  required  pam_limits.so")
    return ok("pam.session", f"{path} sets the target's limits, and leaves control groups alone")


def rehearsal(because: str, took: float) -> Result:
    """Judge the opening of a session of root. ``because`` is PAM's error text if the opening failed. ``took`` is the duration in
    seconds.
    """
    if because:
        said = f"no session of root can be opened, so no run as root begins: {because}"
        return bad(
            "pam.opens", said, "see journalctl -t jitd, and /var/log/auth.log; contrib/pam.d/jitd is the stack as it comes"
        )
    if took > 1:
        said = f"opening a session took {took:.1f} s, and each run waits for that"
        return weak("pam.opens", said, "see which module of /etc/pam.d/jitd is slow")
    return ok("pam.opens", f"a session of root opens and closes ({took * 1000:.0f} ms)")


# --- the gates of other programs ----------------------------------------------------------------------------------------


def examine_gates() -> Iterator[Result]:
    """A gate is the line of a PAM stack that queries jitd. Yield the findings about the lines of all gates, and about the answers
    of the gates of the type ``account``.
    """
    found, services = lint_host(Places()), gated()
    asking = [*services["account"], *services["session"]]
    yield from gates(found, asking)
    yield from links(found, asking)
    for service in services["account"]:
        yield knocked(service, knock(service, STRANGER), knock(service, "root"))


def examine_logins() -> Iterator[Result]:
    """A gate is the line of a PAM stack that queries jitd. Yield the findings about the answers of the gates of the type
    ``session``. This examination is separate from ``examine_gates``, because login(1) waits two seconds after a refusal.
    """
    for service in gated()["session"]:
        yield tried_session(service, open_session(service, STRANGER))


def gated() -> dict[str, list[str]]:
    """A gate is the line of a PAM stack that queries jitd. Return a map from each type of gate, ``account`` or ``session``, to
    the PAM services that have a gate of this type.
    """
    places = Places()
    found: dict[str, list[str]] = {"account": [], "session": []}
    for service in PROGRAMS:
        closed = _closed(service, places)
        if kind := next((kind for kind in found if kind in closed), None):
            found[kind].append(service)
    return found


def _closed(service: str, places: Places) -> set[str]:
    if (source := places.stack(service)) is None:
        return set()
    found = read(service, source, partial(places.included, beside=""), places.libpam)
    return set() if found.is_refused else judge(service, found.handlers).closed


def knock(service: str, user: str) -> str | None:
    """Return the answer that the PAM stack of ``service`` gives if ``user`` starts the program of ``service``.

    The answer is empty if PAM permits the user. Otherwise the answer is PAM's text. The answer is None if pamtester is missing.
    """
    return _try(user, service, user, "acct_mgmt")  # the real user id is that of the user, as in a set-user-id program


def open_session(service: str, user: str) -> str | None:
    """Let root run the stack of ``service`` for a session of ``user``. Return the answer in the same form as ``knock``.

    The session is closed immediately.
    """
    return _try("root", service, user, "open_session", "close_session")


def _try(real: str, service: str, user: str, *operations: str) -> str | None:
    """In another process, because the modules of a stack run in the process that asks PAM."""
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


def gates(found: Iterable[Linted], services: Sequence[str]) -> Iterator[Result]:
    """Yield the findings of ``jitd pam-lint`` about gates (the lines of PAM stacks that query jitd). ``services`` are the PAM
    services with a stack that queries jitd.
    """
    found = [each for each in found if each.name not in ("no-gate", "links-unprotected")]
    for each in found:
        level = {"bad": bad, "unknown": unknown}.get(each.severity, weak)
        yield level("pam.gates", f"{each.place}: {each.sentence}", each.mend)
    if not found and services:
        yield ok("pam.gates", f"nothing bypasses jitd in the stacks that ask it: {', '.join(services)}")


def links(found: Iterable[Linted], services: Sequence[str]) -> Iterator[Result]:
    """Check that the kernel protects root's programs from links that other people made. ``services`` are the PAM services with a
    stack that queries jitd.
    """
    found = [each for each in found if each.name == "links-unprotected"]
    for each in found:
        level = unknown if each.severity == "unknown" else weak
        yield level("host.links", f"{each.place}: {each.sentence}", each.mend)
    if not found and services:
        yield ok("host.links", "the kernel protects root's programs from links of others")


def tried_session(service: str, strangers: str | None) -> Result:
    """Judge the answer ``strangers``. The stack of ``service`` gives this answer when root opens a session for the account
    STRANGER. The gate of this stack is a line of the type ``session``.

    jitd accepts no requests from the account STRANGER. For such an account, a gate of the type ``session`` prints nothing.
    Therefore the answer does not show whether the stack has queried jitd. Root's own session is not tested.
    """
    if strangers is None:
        return weak("pam.gates", f"it was not tested whether the gate of {service} holds", "apt install pamtester, and ask again")
    if not strangers:
        told = f"the stack of {service} opens a session for {STRANGER}, who may not ask"
        return bad("pam.gates", told, f"see what bypasses the gate: jitd pam-lint /etc/pam.d/{service}")
    return ok(
        "pam.gates", f"the gate of {service} opens no session for a stranger; the first login will show whether it asks jitd"
    )


def knocked(service: str, strangers: str | None, roots: str | None) -> Result:
    """Judge two answers of the stack of ``service``. ``strangers`` is the answer to the account STRANGER, and ``roots`` is the
    answer to root at the console.

    Each answer is PAM's text. An answer is empty if PAM permits the account, and None if the stack could not be run.
    """
    if strangers is None or roots is None:
        return weak(
            "pam.gates", f"it was not tested whether the gate of {service} answers", "apt install pamtester, and ask again"
        )
    if not strangers:
        told = f"the stack of {service} lets in {STRANGER}, who may not ask"
        return bad("pam.gates", told, f"see what bypasses the gate: jitd pam-lint /etc/pam.d/{service}")
    if roots:
        mend = f"keep a root shell open, and write the first line of contrib/pam.d/{service} into /etc/pam.d/{service}"
        return bad("pam.gates", f"the stack of {service} does not let root in: {roots}", mend)
    if OURS not in strangers:
        told = f"the gate of {service} is not asked, and nobody but root gets in: {strangers}"
        mend = f"see what libpam says of it in /var/log/auth.log, and what jitd pam-lint /etc/pam.d/{service} says"
        return bad("pam.gates", told, mend)
    return ok("pam.gates", f"the gate of {service} asks jitd, and leaves root alone")
