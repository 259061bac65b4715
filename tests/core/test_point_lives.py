# SPDX-License-Identifier: Apache-2.0
"""What the core makes of enforcement points' requests: people without a ticket, commands in doubt, grants without a run, logins.

Law: less is known here than of a command that the daemon runs itself, and never is more permitted for it.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from jitd.core import grant, lock, request, run
from jitd.core.approvers import may_review
from jitd.core.claims import Point
from jitd.core.command import RunAs, work_of
from jitd.core.decision import Approval, Deny, Permit, Terms, narrow
from jitd.core.effects import Admit, StartRun
from jitd.core.grant import Expired, Grant, GrantState, NoUseLeft, Returned, Revoked, Used, covers
from jitd.core.law import CLOCK, MONITOR, Role
from jitd.core.lock import Whom, is_on
from jitd.core.policy import decide, rules_for
from jitd.core.request import RequestState
from jitd.core.run import Process, Starting, StopOrdered
from jitd.core.subject import Subject
from tests.core.house import ALICE, BOB, NOON, deny, patterns, policy, question, told
from tests.core.house import permit as rule
from tests.scene import HOST, actor, asked, command, free, locked, moment, permit, person, screened

LOCAL = Subject("local:alice", "alice", 4001, 4001, frozenset({"alice", "dba"}), "alice", None)
PERHAPS = replace(LOCAL, perhaps=frozenset({"alice@EXAMPLE.ORG"}))
NO_TICKET = "no rule: no rule permits this without a Kerberos ticket"
SSHD = Process(4711, 123456)


@pytest.mark.parametrize(
    ("rules", "asked", "answer"),
    [
        # somebody without a ticket
        ((rule(),), question(LOCAL), NO_TICKET),
        ((rule(needs_ticket=False),), question(LOCAL), "p"),
        ((rule(), rule("q", needs_ticket=False)), question(LOCAL), "q"),
        ((rule(who=("user:alice",), needs_ticket=False),), question(LOCAL), "p"),
        ((rule(who=("principal:alice@EXAMPLE.ORG",), needs_ticket=False),), question(LOCAL), NO_TICKET),
        ((rule(who=("group:ops",), needs_ticket=False),), question(LOCAL), NO_TICKET),
        ((rule(needs_ticket=False), deny(who=("user:alice",))), question(LOCAL), "rule: rule d denies it"),
        ((rule(needs_ticket=False), deny()), question(LOCAL), "rule: rule d denies it"),
        ((), question(LOCAL), NO_TICKET),
        ((rule(needs_ticket=False), deny(who=("principal:alice@EXAMPLE.ORG",))), question(PERHAPS), "rule: rule d denies it"),
        ((rule(needs_ticket=False), deny(who=("principal:alice/admin@EXAMPLE.ORG",))), question(PERHAPS), "p"),
        ((rule(who=("principal:alice@EXAMPLE.ORG",), needs_ticket=False),), question(PERHAPS), NO_TICKET),
        # somebody with one, where none is needed
        ((rule(needs_ticket=False),), question(ALICE), "p"),
        ((rule(needs_ticket=False),), question(BOB), "no rule: no rule permits this"),
    ],
)
def test_a_rule_says_whether_a_ticket_is_needed(rules, asked, answer):
    assert told(decide(policy(*rules), asked, NOON)) == answer


def in_doubt(**changes):
    what = question(**changes)
    return replace(what, command=replace(what.command, path=b"", doubt="it has an option that is not known"))


@pytest.mark.parametrize(
    ("rules", "answer"),
    [
        ((rule(),), "p"),
        ((rule(**patterns(("/usr/bin/systemctl", "**"))),), "no rule: no rule permits this"),
        ((rule(), deny(**patterns(("/usr/bin/rm", "**")))), "rule: rule d denies it"),
        ((rule(), deny(run_as=("bob",), **patterns(("/usr/bin/rm", "**")))), "rule: rule d denies it"),
        ((rule(), deny(who=("group:ops",), **patterns(("/usr/bin/rm", "**")))), "p"),
        ((rule(run_as=("bob",)),), "no rule: no rule permits this"),
    ],
)
def test_a_command_in_doubt_is_none_that_a_permit_names_and_any_that_a_deny_does(rules, answer):
    assert told(decide(policy(*rules), in_doubt(), NOON)) == answer


def test_a_login_is_no_command_that_a_permit_names_nor_one_that_a_deny_does():
    what = question(service="sshd", run_as=RunAs("alice", 4001, "alice", 4001), argv=(b"sshd",))
    login = replace(what, command=replace(what.command, path=b""))
    ssh = {"services": ("sshd",), "run_as": ("*",)}
    assert told(decide(policy(rule(**ssh)), login, NOON)) == "p"
    assert told(decide(policy(rule(**ssh, **patterns(("/usr/bin/bash", "**")))), login, NOON)).startswith("no rule")
    assert told(decide(policy(rule(**ssh), deny(**patterns(("/usr/bin/rm", "**")))), login, NOON)) == "p"


def test_options_of_the_program_need_a_rule_that_lets_them_in():
    what = question(service="sudo")
    with_option = replace(what, command=replace(what.command, options=(b"-E",)))
    sudo = {"services": ("sudo",)}
    assert told(decide(policy(rule(**sudo)), what, NOON)) == "p"
    assert told(decide(policy(rule(**sudo)), with_option, NOON)) == "terms: rule p does not allow the options -E of sudo"
    assert told(decide(policy(rule(**sudo, terms=Terms(options=True))), with_option, NOON)) == "p"


def test_who_has_no_ticket_reviews_nothing_and_is_told_no_rule_that_needs_one():
    approvals = (Approval(1, ("group:dba",)),)
    assert may_review(approvals, ALICE, BOB) and not may_review(approvals, LOCAL, BOB)
    both = policy(rule("a"), rule("b", needs_ticket=False))
    assert [found.name for found in rules_for(both, LOCAL, "h", "jitsudo")] == ["b"]
    assert [found.name for found in rules_for(both, ALICE, "h", "jitsudo")] == ["a", "b"]


def test_terms_only_tighten():
    loose = free(terms=Terms(session="keep", options=True)).obligations
    tight = free(terms=Terms(session="end", options=False)).obligations
    for one, other in ((loose, tight), (tight, loose)):
        assert (narrow(one, other).terms.session, narrow(one, other).terms.options) == ("end", False)


# --- grants ----------------------------------------------------------------------------------------------------------


def point(process=None):
    return Point("session" if process else "account", None, None, process)


def granted(*, service="sudo", process=None, decision=None, **changes):
    """A grant by a rule that permits at once, and all that followed."""
    what = asked(service=service, point=point(process), **changes)
    after, follows = request.transition(what, screened(what, decision or free()), moment())
    issued = next(step for step in follows if isinstance(step, grant.Issued))
    used = [step for step in follows if isinstance(step, Used)]
    return after, issued.grant, used


def test_whoever_asks_at_a_point_takes_the_use_at_once_and_nothing_is_run():
    after, made, used = granted()
    assert after.state is RequestState.APPROVED
    made, follows = grant.transition(made, used[0], moment())
    assert made.state is GrantState.SPENT and (made.left, made.living) == (0, ())
    assert Admit(after.id) in follows and not any(isinstance(step, Starting | StartRun) for step in follows)


def test_of_several_uses_the_rest_stays():
    _, made, used = granted(uses=3)
    made, _ = grant.transition(made, used[0], moment())
    assert made.state is GrantState.ACTIVE and made.left == 2


def test_who_asks_beforehand_takes_no_use():
    what = asked(service="sudo")
    assert not what.may_act_at_once and asked().may_act_at_once and asked(service="sudo", point=point()).may_act_at_once
    _, follows = request.transition(what, screened(what, free(), attended=False), moment())
    assert not any(isinstance(step, Used) for step in follows)


def test_a_login_has_a_run_that_knows_its_process():
    after, made, used = granted(service="sshd", process=SSHD)
    made, follows = grant.transition(made, used[0], moment())
    (starting,) = (step for step in follows if isinstance(step, Starting))
    assert starting.login == SSHD and made.living == (after.id,) and made.state is GrantState.ACTIVE
    assert starting.detail()["login"] == {"pid": 4711, "started": 123456}
    begun, follows = run.start(starting)
    assert begun.login == SSHD and StartRun(after.id, after.id) in follows


def logged_in(session):
    _, made, used = granted(service="sshd", process=SSHD, decision=free(terms=Terms(session=session)), lasts_for=600, uses=3)
    made, _ = grant.transition(made, used[0], moment())
    return made


def test_at_the_end_of_its_time_a_login_goes_on_where_the_rule_says_so_and_can_still_be_revoked():
    made, follows = grant.transition(logged_in("keep"), Expired("K7QM-2XVD", CLOCK), moment(600))
    assert made.state is GrantState.ACTIVE and made.left == 0 and made.living and follows == ()
    with pytest.raises(NoUseLeft):
        grant.transition(made, Used(made.id, actor(made.holder), "K7QM-2XVE", Terms()), moment(601))
    revoked, follows = grant.transition(made, Revoked(made.id, actor(person("dave"), Role.OPERATOR), "enough"), moment(700))
    assert revoked.state is GrantState.REVOKED and StopOrdered(made.id, actor(person("dave"), Role.OPERATOR), "enough") in follows
    spent, _ = grant.transition(made, Returned(made.id, MONITOR, made.id, was_started=True), moment(800))
    assert spent.state is GrantState.SPENT


def test_a_login_that_never_began_gives_nothing_back_to_a_grant_whose_time_is_over():
    made, _ = grant.transition(logged_in("keep"), Expired("K7QM-2XVD", CLOCK), moment(600))
    spent, _ = grant.transition(made, Returned(made.id, MONITOR, made.id, was_started=False), moment(601))
    assert spent.state is GrantState.SPENT and spent.left == 0


def test_at_the_end_of_its_time_a_login_is_ended_where_the_rule_says_so():
    made, follows = grant.transition(logged_in("end"), Expired("K7QM-2XVD", CLOCK), moment(600))
    assert made.state is GrantState.EXPIRED
    assert any(isinstance(step, StopOrdered) for step in follows)


def a_grant(**changes) -> Grant:
    return replace(granted(lasts_for=600, uses=3)[1], **changes)


@pytest.mark.parametrize(
    ("who", "service", "what", "is_covered"),
    [
        (person("alice"), "sudo", command("true"), True),
        (person("alice", principal="local:alice", ticket_ends_at=None), "sudo", command("true"), True),
        (person("alice", principal="alice/admin@EXAMPLE.TEST"), "sudo", command("true"), False),
        (person("bob", principal="local:bob", ticket_ends_at=None), "sudo", command("true"), False),
        (person("alice"), "jitsudo", command("true"), False),
        (person("alice"), "sudo-i", command("true"), False),
        (person("alice"), "sudo", command("false"), False),
        (person("alice"), "sudo", command("true", options=(b"-E",)), False),
        (person("alice"), "sudo", command("true", doubt="who knows"), False),
    ],
)
def test_what_a_grant_answers_for(who, service, what, is_covered):
    assert covers(a_grant(rule="rule-0"), who, HOST, service, what, "rule-0", moment(1)) is is_covered


def test_what_another_rule_gave_discharges_nothing_with_a_ticket_or_without():
    """THREATS A-12. A rule that wants a ticket and nobody's approval does not stand for one that wants an approval."""
    local = person("alice", principal="local:alice", ticket_ends_at=None)
    for who in (local, person("alice")):
        assert not covers(a_grant(rule="free-with-ticket"), who, HOST, "sudo", command("true"), "owed-without", moment(1))
        assert covers(a_grant(rule="owed-without"), who, HOST, "sudo", command("true"), "owed-without", moment(1))


def test_a_grant_of_who_had_no_ticket_does_not_answer_for_who_has_one():
    """It was given by a rule for such people; with a ticket another rule, and other approvals, may be in order."""
    local = person("alice", principal="local:alice", ticket_ends_at=None)
    assert not covers(a_grant(holder=local), person("alice"), HOST, "sudo", command("true"), "rule-0", moment(1))


def test_options_and_doubts_are_other_work():
    plain = command("true")
    assert len({work_of(plain), work_of(replace(plain, options=(b"-E",))), work_of(replace(plain, doubt="d"))}) == 3


# --- locks -----------------------------------------------------------------------------------------------------------


def test_a_lock_on_a_principal_is_on_its_account_too_whatever_is_proved():
    made = locked(Whom.PRINCIPAL, "alice@EXAMPLE.TEST", uid=person("alice").uid)
    local = person("alice", principal="local:alice", ticket_ends_at=None)
    assert is_on(made, local) and is_on(made, person("alice"))
    assert is_on(made, person("alice", principal="alice/admin@EXAMPLE.TEST"))
    assert not is_on(made, person("bob", principal="local:bob"))
    assert not is_on(replace(made, uid=None), local)


def test_a_lock_denies_who_has_no_ticket_as_well():
    local = person("alice", principal="local:alice", ticket_ends_at=None)
    assert isinstance(lock.answer_to((locked(),), local), Deny)
    assert isinstance(permit(), Permit)
