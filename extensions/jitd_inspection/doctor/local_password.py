# SPDX-License-Identifier: Apache-2.0
"""Checks of the PAM stack for local passwords (``/etc/pam.d/jitd-local``). The stack for local passwords is used while no KDC
can be reached.

Law: the checks only read the stack, and authenticate nobody. Functions that draw conclusions are pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from jitd.core.toml_document import ConfigError
from jitd.hosts.control import AUTH_ERR, IGNORED, SUCCESS
from jitd.hosts.stack import KINDS, Handler, Stack
from jitd.kdc.named import fault_of
from jitd.monitor.pam_stack import why_unset
from jitd.monitor.proof_orders import SERVICE, STACK
from jitd_inspection.doctor import files
from jitd_inspection.doctor.finding import Result, bad, ok, weak
from jitd_inspection.doctor.host import Host
from jitd_inspection.doctor.pam import included, read_stack
from jitd_inspection.pamlint.evaluation import TooInvolved, endings
from jitd_inspection.pamlint.gates import is_gate, looks_like_gate

WITHOUT_PASSWORD = frozenset(
    ("pam_permit.so", "pam_rootok.so", "pam_succeed_if.so", "pam_env.so", "pam_debug.so", "pam_listfile.so", "pam_wheel.so")
    + ("pam_localuser.so", "pam_group.so", "pam_nologin.so", "pam_securetty.so", "pam_exec.so", "pam_faillock.so")
    + ("pam_echo.so", "pam_warn.so", "pam_issue.so", "pam_faildelay.so", "pam_shells.so", "pam_access.so", "pam_time.so")
)
"""PAM modules that do not check passwords."""
FIRST = f"use contrib/pam.d/{SERVICE} as it comes"


def examine(host: Host) -> Iterator[Result]:
    """Yield the findings about the stack, also that there is none, and if a rule accepts local passwords, about krb5.conf: it
    must name the KDCs, none of which can be reached then.
    """
    with suppress(ConfigError):  # another finding reports faults in the policy
        yield from kdcs(any(rule.without_kdc == "local" for rule in host.policy().rules), host.realm, fault_of)
    seen = files.see(STACK)
    if seen.is_missing:
        yield ok("pam.local", f"there is no {STACK}, so no local password counts while the KDC is down")
        return
    yield files.closed("pam.local.file", seen, f"the stack of contrib/pam.d/{SERVICE}")
    if because := why_unset(SERVICE, "auth", "account"):
        yield bad("pam.local", f"nobody can prove a local password: {because}", FIRST)
        return
    yield judged(read_stack(Path(STACK).read_text("utf-8", "replace"), included, SERVICE, STACK))


def _with_a_wrong_password(handler: Handler) -> tuple[int, ...]:
    return (SUCCESS, AUTH_ERR, IGNORED) if handler.name in WITHOUT_PASSWORD else (AUTH_ERR,)


def kdcs(is_taken: bool, realm: str, fault: Callable[[str], str]) -> Iterator[Result]:
    """Yield a finding if a rule accepts local passwords (``is_taken``), but this host can never accept one. ``fault`` is a
    function that gets ``realm``. It returns the reason why the host can never accept a local password, or an empty text.
    """
    if is_taken and (because := fault(realm)):
        yield weak("pam.local.kdc", because, f"name each KDC in /etc/krb5.conf: [realms] {realm} = {{ kdc = … }}")


def judged(found: Stack) -> Result:
    """Judge the stack: it must not take a wrong or an empty password, and must not query jitd."""
    for fault in found.faults:
        return bad("pam.local", f"{STACK}: {fault.sentence}", "correct that line; pam.conf(5) says what one looks like")
    handlers = [handler for kind in KINDS for handler in found.handlers[kind] if not handler.is_substack]
    if any(is_gate(handler) or looks_like_gate(handler) for handler in handlers):
        said = f"{STACK} asks jitd, and jitd asks it: nobody can prove a local password"
        return bad("pam.local", said, f"take the gate's lines out of it; {FIRST}")
    if loose := next((handler for handler in handlers if "nullok" in handler.arguments), None):
        return bad("pam.local", f"{STACK}: {loose.name} has nullok, so an empty password counts", f"take nullok out; {FIRST}")
    try:
        says_yes = any(result == SUCCESS for result, _ in endings(found.handlers["auth"], _with_a_wrong_password))
    except TooInvolved:
        says_yes = True
    if says_yes:
        said = f"{STACK} can succeed with a wrong password"
        return bad("pam.local", said, f"write into {STACK}: auth  required  pam_unix.so; {FIRST}")
    return ok("pam.local", f"{STACK} asks for a password, and does not ask jitd")
