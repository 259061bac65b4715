# SPDX-License-Identifier: Apache-2.0
"""Finds the lines of a stack that query jitd, and finds faults of a single line. Law: this module reads no file. The caller
passes a function (``Files``) that reports the fault of a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from jitd.hosts.findings import Linted, bad, unknown, weak
from jitd.hosts.stack import Handler
from jitd_inspection.pamlint.services import facts, is_fragment

MODULE = "pam_jit.so"
SCRIPT, GUARD = "pam_jit.py", "pam_guard.py"  # what stacks of 0.1 name in place of it: a module in Python, and its guard
INITIATOR = "/usr/lib/jitd/prove"  # started by the module, as root
STAGES = ("auth", "account", "session")
WORDS = ("quiet", "debug")
MOST_DIGITS = 6  # digits in a number of seconds. The gate refuses a number with more digits.

Files = Callable[[str], str]
"""Maps the absolute path of a file to a sentence about the file's fault, or to an empty string. For example, a file has a fault
if it is missing, or if an account other than root can change it.
"""


def is_gate(handler: Handler) -> bool:
    """True if the line queries jitd."""
    return handler.name == MODULE and not handler.is_substack


def looks_like_gate(handler: Handler) -> bool:
    """True if the line looks like a gate, but may run other code: only the file of its module has the name of that of a gate."""
    return handler.name != MODULE and handler.module.rpartition("/")[2] == MODULE and not handler.is_substack


def about_gone(handler: Handler, service: str) -> Iterator[Linted]:
    """Yield a finding if the line names a file by which stacks of 0.1 asked."""
    for word in handler.arguments:
        if (name := word.rpartition("/")[2]) in (SCRIPT, GUARD):
            told = f"jitd has no {name} any more: the line asks nobody, and denies everybody who comes to it"
            mend = f"write {MODULE} in place of {handler.module} {word}"
            if name == GUARD:
                mend = "take it and the pam_deny.so after it out, and let a line that jumps over both jump over two lines less"
            yield bad("gate-gone", handler.place, told, mend, service)


def about_lookalike(handler: Handler, service: str) -> Linted:
    """Return a finding for a line that only looks like the gate. The finding says why the line may not be a gate."""
    told = f"it is not known whether {handler.module} asks jitd: only its name is that of the gate"
    return unknown("other-module", handler.place, told, f"write {MODULE}", service)


def about_line(handler: Handler, service: str) -> Iterator[Linted]:
    """Yield those faults of a line that do not depend on the line's place in the stack."""
    place = handler.place
    home = place.file.rpartition("/")[2]
    if is_fragment(home):
        yield bad(
            "gate-in-shared-file",
            place,
            f"every service that includes {home} asks jitd: the jobs of cron fail, and so does every other service without a"
            " person, because nobody waits there for an answer",
            "move the three lines into the files of the services that are to ask jitd",
            service,
        )
    if home == "jitd":
        yield bad(
            "gate-in-own-stack",
            place,
            "jitd asks this stack before each run, so the gate makes jitd ask itself: no approved command starts",
            "take the line out: commands that jitd runs have been approved already",
            service,
        )
    for argument in handler.arguments:
        if sentence := _odd_argument(argument):
            mend = "the gate takes socket=PATH, wait=SECONDS, stage=account|session|auth, quiet and debug"
            yield bad("unknown-argument", place, f"{sentence}; so it denies everybody", mend, service)
    stage = _value(handler, "stage")
    if stage in STAGES and stage != handler.kind:
        sentence = f"the line is of type {handler.kind} and says stage={stage}: it denies everybody"
        yield bad("other-stage", place, sentence, f"write stage={handler.kind}", service)
    wait = _value(handler, "wait")
    if service == "cron" and wait.strip("0"):
        sentence = "nobody waits for a cron job: each job without a grant stays as a process until its request is decided"
        yield weak("cannot-wait", place, sentence, "write wait=0", service)
    if service == "sshd" and wait.strip("0"):
        if handler.kind == "session":
            sentence = (
                "sshd does not tell people that their login waits for an approval, and does not notice when they disconnect:"
                " each keeps a process"
            )
            yield weak("cannot-wait", place, sentence, "write wait=0: people then ask before they log in", service)
        else:
            sentence = (
                "LoginGraceTime ends a login that waits here. It counts against MaxStartups: ten of them keep everybody out"
            )
            yield bad("cannot-wait", place, sentence, "write wait=0: people then ask before they log in", service)


def _value(handler: Handler, name: str) -> str:
    values = [word.partition("=")[2] for word in handler.arguments if word.startswith(f"{name}=")]
    return values[-1] if values else ""


def _odd_argument(argument: str) -> str:
    name, equals, value = argument.partition("=")
    if argument in WORDS:
        return ""
    if name == "socket" and equals:
        return "" if value.startswith("/") else f"socket= wants an absolute path: {argument}"
    if name == "wait" and equals:
        return (
            ""
            if value.isascii() and value.isdecimal() and len(value) <= MOST_DIGITS
            else f"wait= wants a number of seconds: {argument}"
        )
    if name == "stage" and equals:
        return "" if value in STAGES else f"stage= wants account, session or auth: {argument}"
    return f"the gate does not know the argument {argument}"


def about_stack(stack: Sequence[Handler], service: str) -> Iterator[Linted]:
    """Yield findings about a gate at a wrong place in its stack. A wrong place is a fault even if nothing bypasses the gate."""
    for handler in stack:
        if is_gate(handler):
            break
        if service == "sshd" and handler.name == "pam_env.so":
            read = "user_readenv=1" in handler.arguments
            told = (
                "~/.pam_environment is read before the gate: anybody who logs in can forge SSH_AUTH_INFO_0 and KRB5CCNAME"
                if read
                else "pam_env.so comes before the gate: the files that it reads can forge SSH_AUTH_INFO_0 and KRB5CCNAME"
            )
            make = bad if read else weak
            yield make("gate-after-pam-env", handler.place, told, "put the lines of the gate first in the file", service)


def about_number(gated: Sequence[Handler], service: str) -> Iterator[Linted]:
    """Yield a finding if one use of the program causes more than one question to jitd."""
    kinds = sorted({gate.kind for gate in gated if gate.kind in facts(service).obeyed})
    if len(kinds) > 1:
        told = f"{service} asks jitd in {' and '.join(kinds)}: one act then takes two uses, and may need two approvals"
        yield weak("asks-twice", gated[-1].place, told, "keep one of them, the one that /usr/share/jitd/pam.d has", service)


def about_logins(gated: Sequence[Handler], service: str) -> Iterator[Linted]:
    """Yield a finding if sshd or login has a gate in the PAM kind account, but not in the PAM kind session. Without a gate in
    session, jitd does not know which ticket was used for a login by sshd. A login by login(1) is then not listed as a run.
    """
    in_account = [handler for handler in gated if handler.kind == "account"]
    if not in_account or any(handler.kind == "session" for handler in gated):
        return
    place, mend = in_account[0].place, f"gate {service} in session, as contrib/pam.d/{service} does"
    if service == "sshd":
        told = "sshd asks account before sshd sets SSH_AUTH_INFO_0: jitd sees the account, but not whose ticket was used"
        yield weak("sshd-account", place, told, mend, service)
    elif service == "login":
        told = "jitd does not list a login that is permitted in account, and a revocation does not end this login"
        yield weak("login-account", place, told, mend, service)


def about_files(handler: Handler, files: Files, module: str, service: str) -> Iterator[Linted]:
    """Yield the faults of the module in the gate's line, and of what it starts. ``module`` is the path of the module. It is empty
    if the module is not installed.
    """
    place = handler.place
    if not module:
        yield bad(
            "loader-missing",
            place,
            f"{handler.module} is in none of libpam's directories: the line denies everybody, or is skipped",
            "install jitsudo again",
            service,
        )
    elif because := files(module):
        yield bad(
            "file-open",
            place,
            f"{because}: anybody who does becomes root",
            f"chown root:root {module} && chmod 644 {module}",
            service,
        )
    because = files(INITIATOR)
    if because.startswith("missing"):
        told, mend = f"{INITIATOR} is not there: everybody is denied", "install jitsudo again"
        yield bad("gate-missing", place, told, mend, service)
    elif because:
        mend = f"chown root:root {INITIATOR} && chmod 755 {INITIATOR}"
        yield bad("file-open", place, f"{because}: anybody who does becomes root", mend, service)


def unheard(handler: Handler, service: str, *, is_closed: bool) -> Linted:
    """Return the finding about a gate in a PAM kind whose result the program ignores. ``is_closed`` is true if another gate of
    the service is effective.
    """
    make = weak if is_closed else bad
    because = facts(service).why_not
    if handler.kind == "password":
        because = "that stack is asked only when a password is changed, and the gate denies every change"
    sentence = f"a gate in {handler.kind} of {service} keeps nobody out: {because}"
    return make("gate-unheard", handler.place, sentence, f"gate {service} in {' or '.join(facts(service).obeyed)}", service)
