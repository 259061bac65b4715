# SPDX-License-Identifier: Apache-2.0
"""Decides whether the gates of a service are effective. This module finds every way through the stacks that admits a person
without jitd's permission. Stacks that admit nobody are found too.
Law: a gate is closed if no possible answer of any module bypasses the gate. The answers of a missing module are possible answers
too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from jitd.hosts.control import (
    AUTH_ERR,
    AUTHTOK_EXPIRED,
    DIE,
    IGNORE,
    MODULE_UNKNOWN,
    NEW_AUTHTOK_REQD,
    PERM_DENIED,
    RETURNS,
    SERVICE_ERR,
    SUCCESS,
    named,
)
from jitd.hosts.control import BAD as BAD_ACTION
from jitd.hosts.findings import WEAK, Linted, bad, unknown, weak
from jitd.hosts.stack import KINDS, Handler
from jitd_inspection.pamlint.evaluation import Answered, Passed, Skipped, TooInvolved, Way, endings
from jitd_inspection.pamlint.gates import (
    MODULE,
    about_gone,
    about_line,
    about_logins,
    about_lookalike,
    about_number,
    about_stack,
    is_gate,
    looks_like_gate,
    unheard,
)
from jitd_inspection.pamlint.modules import ANYTHING, World, answers, answers_where_all_is_well, asks_for_caller, is_about_root
from jitd_inspection.pamlint.services import facts, is_fragment, results_that_admit, worlds_of_people, worlds_of_root

FIRST = "put the lines of the gate first in the file, as in contrib/pam.d"


@dataclass(slots=True)
class Judgement:
    """The result for one service. ``closed`` contains the PAM kinds in which the gate of the service is effective."""

    findings: list[Linted] = field(default_factory=list)
    gates: list[Handler] = field(default_factory=list)
    closed: set[str] = field(default_factory=set)
    admits_root: bool = False  # true if the program lets root in although jitd was not asked, or denies
    is_refused: bool = False  # true if libpam refuses the service, that is, if libpam denies every call of the service


def judge(service: str, stacks: dict[str, list[Handler]], *, user_may_be_target: bool = False) -> Judgement:
    """Judge a service with these ``stacks``. ``user_may_be_target`` is true if sudoers sets targetpw, rootpw or runaspw."""
    found = Judgement()
    found.gates = [handler for kind in KINDS for handler in stacks[kind] if is_gate(handler)]
    for gate in found.gates:
        found.findings += about_line(gate, service)
    for handler in (handler for kind in KINDS for handler in stacks[kind]):
        found.findings += about_gone(handler, service)
        found.findings += [about_lookalike(handler, service)] if looks_like_gate(handler) else []
    if is_fragment(service):  # this file is not a service; the files that include it are judged
        return found
    obeyed = [kind for kind in KINDS if kind in facts(service).obeyed and any(map(is_gate, stacks[kind]))]
    ways: dict[str, list[Linted]] = {}
    for kind in obeyed:
        try:
            ways[kind] = list(_around(service, kind, stacks[kind], user_may_be_target=user_may_be_target))
            found.findings += _locked_out(service, kind, stacks[kind])
            found.admits_root = found.admits_root or _admits_root(service, kind, stacks[kind])
        except TooInvolved:
            place = next(filter(is_gate, stacks[kind])).place
            told = "this stack has more ways through it than pam-lint follows"
            ways[kind] = [unknown("too-involved", place, told, "make it simpler: " + FIRST, service)]
        if all(finding.severity == WEAK for finding in ways[kind]):
            found.closed.add(kind)
        found.findings += about_stack(stacks[kind], service)
    for kind in obeyed:
        holds_elsewhere = bool(found.closed - {kind})
        found.findings += [_less(finding) if holds_elsewhere else finding for finding in ways[kind]]
    found.findings += [
        unheard(gate, service, is_closed=bool(found.closed)) for gate in found.gates if gate.kind not in facts(service).obeyed
    ]
    found.findings += about_logins(found.gates, service)
    found.findings += about_number(found.gates, service)
    return found


def admits_somebody(service: str, stack: Sequence[Handler]) -> bool:
    """True if ``stack`` admits people. ``stack`` is an account stack without a gate."""
    admits = results_that_admit(service, "account")
    for world in worlds_of_people(service, "account", user_may_be_target=False):
        possible = partial(answers_where_all_is_well, world=world)
        if any(result in admits for result, _ in endings(stack, possible)):
            return True
    return False


def _admits_root(service: str, kind: str, stack: Sequence[Handler]) -> bool:
    """True if a person can get in as root, and jitd was not asked or denies. A daemon, such as sshd, has the real uid 0."""
    if not facts(service).is_daemon:
        return False  # the person who asks is not root
    gates = [number for number, handler in enumerate(stack) if is_gate(handler)]
    possible = partial(_possible, world=World(service, True, True), lets_exempt=True)
    admits = results_that_admit(service, kind)
    return any(result in admits and not isinstance(way, Passed) for result, way in endings(stack, possible, gates))


def _less(finding: Linted) -> Linted:
    """Return a copy of ``finding`` with the severity weak. Use this function if another gate of the service is effective."""
    sentence = f"{finding.sentence} (another gate of this service holds)"
    return weak(finding.name, finding.place, sentence, finding.mend, *finding.services)


# --- who gets in --------------------------------------------------------------------------------------------------------


def _around(service: str, kind: str, stack: Sequence[Handler], *, user_may_be_target: bool) -> Iterator[Linted]:
    gates = [number for number, handler in enumerate(stack) if is_gate(handler)]
    admits = results_that_admit(service, kind)
    for world in worlds_of_people(service, kind, user_may_be_target=user_may_be_target):
        skipped: dict[int, set[int]] = {}
        ignored: dict[int, set[int]] = {}
        expired: set[int] = set()
        exempted: set[int] = set()
        for lets_exempt in (False, True):
            possible = partial(_possible, world=world, lets_exempt=lets_exempt)
            for result, way in endings(stack, possible, gates):
                if result not in admits:
                    continue
                if result == AUTHTOK_EXPIRED:
                    expired |= _says_expired(stack, way, possible)
                elif isinstance(way, Answered):
                    ignored.setdefault(way.gate, set()).update(way.codes)
                elif isinstance(way, Skipped) and not lets_exempt:
                    skipped.setdefault(way.by, set()).update(way.codes)
                elif isinstance(way, Skipped) and way.by not in skipped:
                    exempted.add(way.by)
        for by, codes in skipped.items():
            yield _skipping(stack, by, codes, next(gate for gate in gates if gate > by), world)
        for gate, codes in ignored.items():
            yield from _not_heeded(stack, gate, codes, service)
        for by in expired - ignored.keys():
            told = (
                f"if {stack[by].name} answers authtok_expired, sudo gets that answer whatever jitd says,"
                " and under NOPASSWD runs the command"
            )
            yield bad("denial-unheeded", stack[by].place, told, FIRST, service)
        for by in exempted:
            sentence = f"jitd is not asked about people for whom {stack[by].name} holds: {' '.join(stack[by].arguments)}"
            yield weak("exempts-some", stack[by].place, sentence, "take it out, unless that is meant", service)


def _says_expired(stack: Sequence[Handler], way: Way, possible: Callable[[Handler], frozenset[int]]) -> set[int]:
    """Return a set with the index of the first line on ``way`` that can deny with authtok_expired. Return an empty set if no line
    can do this. ``way`` must be a way on which jitd gave no permission.
    """
    last = way.gate if isinstance(way, Answered) else way.by if isinstance(way, Skipped) else -1
    before = enumerate(stack[: last + 1])
    can = {at for at, line in before if AUTHTOK_EXPIRED in possible(line) and line.table[AUTHTOK_EXPIRED] in (BAD_ACTION, DIE)}
    return {min(can)} if can else set()


def _possible(handler: Handler, *, world: World, lets_exempt: bool) -> frozenset[int]:
    return ANYTHING if is_gate(handler) else answers(handler, world, lets_exempt=lets_exempt)


def _skipping(stack: Sequence[Handler], by: int, codes: set[int], gate: int, world: World) -> Linted:
    handler = stack[by]
    where = str(stack[gate].place)
    if SUCCESS in codes and is_about_root(handler):
        if asks_for_caller(handler) and world.caller_is_root:
            return bad(
                "root-for-all",
                handler.place,
                f"{handler.name} tests the real uid, which is 0 in {world.service} for everybody: {where} is never reached",
                "write pam_succeed_if.so quiet uid = 0, without use_uid, in place of it",
                world.service,
            )
        if world.user_is_root and not asks_for_caller(handler):
            return bad(
                "target-for-caller",
                handler.place,
                f"{handler.name} looks at PAM_USER, which is the target: somebody who becomes root never reaches {where}",
                "write pam_rootok.so (in session: pam_succeed_if.so quiet use_uid uid = 0) in place of it",
                world.service,
            )
    jumps = any(code < len(RETURNS) and handler.table[code] > 0 for code in codes)
    if jumps:
        sentence = f"if {handler.name} answers {named(sorted(codes))}, the stack jumps over the gate at {where}"
        mend = f"correct the number of lines that it jumps over, or {FIRST}"
        return bad("jumps-over-gate", handler.place, sentence, mend, world.service)
    if codes == {NEW_AUTHTOK_REQD} and handler.name in ("pam_unix.so", "pam_sss.so", "pam_ldap.so", "pam_krb5.so"):
        sentence = (
            f"for somebody whose password has expired the gate is never reached: {handler.name} answers new_authtok_reqd,"
            f" which ends the stack before {where}"
        )
    else:
        sentence = f"if {handler.name} answers {named(sorted(codes))}, the stack succeeds before the gate at {where} is asked"
    return bad("ends-before-gate", handler.place, sentence, FIRST, world.service)


def _not_heeded(stack: Sequence[Handler], gate: int, codes: set[int], service: str) -> Iterator[Linted]:
    handler = stack[gate]
    kind = handler.kind
    shape = f"write {kind} [success=1 default=ignore] {MODULE}, and below it {kind} requisite pam_deny.so"
    if {PERM_DENIED, AUTH_ERR} & codes:
        following = stack[gate + 1].name if gate + 1 < len(stack) else ""
        if handler.table[SUCCESS] > 0 and handler.table[PERM_DENIED] == IGNORE and following != "pam_deny.so":
            sentence = "a success jumps over the next line, which is not pam_deny.so: after a denial the stack can still succeed"
            yield bad(
                "no-deny-behind-gate", handler.place, sentence, f"write {handler.kind} requisite pam_deny.so below it", service
            )
        else:
            sentence = f"when jitd denies, the stack can still succeed: {handler.control} does not make the denial final"
            yield bad("denial-unheeded", handler.place, sentence, shape, service)
        return
    if MODULE_UNKNOWN in codes:
        sentence = f"if {handler.name} is missing, for example after an upgrade, everybody gets in and jitd is not asked"
        yield bad("missing-gate-admits", handler.place, sentence, shape, service)
    if others := codes - {MODULE_UNKNOWN}:
        denies = NEW_AUTHTOK_REQD in others and handler.table[NEW_AUTHTOK_REQD] in (BAD_ACTION, DIE)
        because = (
            "libpam passes new_authtok_reqd to the program even as a denial, and programs take it for a yes" if denies else ""
        )
        if others - {NEW_AUTHTOK_REQD} or not denies:
            because = f"{handler.control} does not deny them"
        if SERVICE_ERR in others:
            because += ", and a gate that crashes answers service_err"
        sentence = f"answers other than success let people in: {named(sorted(others))}; {because}"
        yield bad("others-than-success-admit", handler.place, sentence, shape, service)


# --- who does not -------------------------------------------------------------------------------------------------------


def _locked_out(service: str, kind: str, stack: Sequence[Handler]) -> Iterator[Linted]:
    """Yield a finding if the stack admits nobody, even with jitd's permission. Also yield a finding if the stack admits root only
    with jitd's permission.
    """
    admits = results_that_admit(service, kind)

    def gets_in(world: World, gate_says: int) -> bool:
        def possible(handler: Handler) -> frozenset[int]:
            return frozenset({gate_says}) if is_gate(handler) else answers_where_all_is_well(handler, world)

        return any(result in admits for result, _ in endings(stack, possible))

    first = next(handler for handler in stack if is_gate(handler))
    people = worlds_of_people(service, kind, user_may_be_target=False)
    if people and not any(gets_in(world, SUCCESS) for world in people):
        sentence = "nobody gets in, even if jitd says yes: after the gate no line makes the stack succeed, or a line denies"
        yield bad("nobody-gets-in", first.place, sentence, _mend_for_all(kind), service)
        return
    if not all(gets_in(world, PERM_DENIED) for world in worlds_of_root(service, kind)):
        make = bad if facts(service).root_must_pass else weak
        yield make("root-locked-out", first.place, facts(service).root_is, _mend_for_root(service, kind), service)


def _mend_for_all(kind: str) -> str:
    return f"keep what was in the file below the gate (@include common-{kind}), and count the jumps again"


def _mend_for_root(service: str, kind: str) -> str:
    known = facts(service)
    if known.is_setuid or known.obeyed == ("session",):
        test = "pam_succeed_if.so quiet use_uid uid = 0" if kind == "session" else "pam_rootok.so"
    else:
        test = "pam_succeed_if.so quiet uid = 0"
    return f"write above the gate: {kind} [success=2 default=ignore] {test}"
