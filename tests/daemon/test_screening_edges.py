# SPDX-License-Identifier: Apache-2.0
"""What was asked meets what is known, as a table: files, directories and operands are what each row says they are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from jitd.core.asked_terms import USUAL
from jitd.core.command import Command, Operand, RunAs
from jitd.core.conditions import read_command_pattern
from jitd.core.decision import Approval, Deny, Permit, Terms, Why
from jitd.core.policy import Policy, Rule
from jitd.core.when import When
from jitd.deciding.command_lookup import Asked
from jitd.deciding.screening import Sighting, bound, look, look_again, unopened
from jitd.files import inspection, operands, path_lookup
from jitd.files.digests import DigestCache
from tests.daemon.knowing import nothing
from tests.scene import asked as requested
from tests.scene import but, moment, person

ALICE = person("alice")
ASKED = Asked(
    argv=(b"/usr/bin/env", b"x"), login=False, user=None, group=None, cwd=b"/", cwd_device=1, cwd_inode=2, chdir=False,
    variables=(), preserved=(), locale=(), streams=("null", "null", "null"), reason=None,
    terms=USUAL,
)  # fmt: skip
ENV = read_command_pattern(("/usr/bin/env", "**"))
TRUSTED = (b"/opt/tools",)
OPS = (Approval(1, ("group:ops",)),)


@dataclass
class Host:
    """What the tests let files be: ``hidden`` are paths that alice cannot look at, ``named`` is what the arguments name."""

    hidden: tuple[bytes, ...] = ()
    writable_by: tuple[str, ...] = ()
    fault: Exception | None = None
    named: tuple[bytes, ...] = ()
    changed: str = ""
    looked_at: tuple[bytes, int] | None = None
    compared: Any = None

    def inspect(
        self, path: bytes, uid: int, *, cache: DigestCache, trusted: tuple[bytes, ...], glance: path_lookup.Look
    ) -> inspection.Inspected:
        self.looked_at = (path, uid)
        assert isinstance(cache, DigestCache), "what is root's alone is not read twice"
        assert trusted == TRUSTED
        if self.fault:
            raise self.fault
        return inspection.Inspected(path, 1, 2, 3, b"D" * 32, self.writable_by)

    def find(
        self,
        argv: Any,
        view: inspection.View,
        reads: Callable[[bytes], bool],
        sees: Callable[[bytes], bool],
        *,
        tells: operands.Tells,
        glance: path_lookup.Look,
        and_absent: bool,
    ) -> Iterator[operands.Operand]:
        assert (argv[0], view.cwd, view.target_uid, view.trusted) == (b"/usr/bin/env", b"/", 0, TRUSTED)
        for path in self.named:
            if sees(path):
                yield operands.Operand(1, path, path, b"read" if reads(path) else b"", "bob can")
            else:
                yield operands.Operand(1, path, path, b"", operands.UNSEEN)

    def drift(self, *given: Any, glance: path_lookup.Look, and_absent: bool) -> str:
        self.compared = given
        return self.changed


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host()
    monkeypatch.setattr(inspection, "inspect", made.inspect)
    monkeypatch.setattr(operands, "find", made.find)
    monkeypatch.setattr(operands, "drift", made.drift)
    monkeypatch.setattr(path_lookup, "is_visible_absence", lambda path, uid, groups, *more: path not in made.hidden)
    monkeypatch.setattr(path_lookup, "beyond_sight", lambda path, uid, groups, *more: path if path in made.hidden else None)
    monkeypatch.setattr(path_lookup, "is_readable", lambda path, uid, groups, *more: path not in made.hidden)
    return made


def rule(**changes: Any) -> Rule:
    made = Rule("permit", "p", who=("user:alice",), run_as=("root",), commands=(ENV,), services=("jitsudo", "cron"))
    return replace(made, **changes)


def seen(*rules: Rule, service: str = "jitsudo", **changes: Any) -> Sighting:
    policy = Policy(rules, "permit", "")
    return look(policy, but(ASKED, **changes), ALICE, "host", service, "/usr/bin", TRUSTED, moment(), nothing())


def told(sighting: Sighting) -> tuple[Why, str, str]:
    assert isinstance(sighting.decision, Deny)
    return (sighting.decision.why, sighting.decision.because, sighting.decision.rule)


# --- the file --------------------------------------------------------------------------------------------------------


def test_what_is_permitted_is_bound_to_its_file(host: Host) -> None:
    found = seen(rule())
    assert found.decision == Permit("p", rule().obligations)
    assert (found.command.path, found.command.digest, found.command.cwd) == (b"/usr/bin/env", b"D" * 32, b"/")
    assert found.command.run_as == RunAs("root", 0, "root", 0) and found.command.operands == ()
    assert host.looked_at == (b"/usr/bin/env", 0)


@pytest.mark.parametrize("rules", [(), (Rule("deny", "d"),), (rule(who=("user:bob",)),)])
def test_a_file_that_no_rule_permits_by_its_path_is_never_opened(host: Host, rules: tuple[Rule, ...]) -> None:
    assert isinstance(seen(*rules).decision, Deny)
    assert host.looked_at is None


def test_the_claims_of_who_asks_reach_the_rule(host: Host) -> None:
    rules = (rule(lasts_for=60, uses=2, terms=Terms(timeout_for=9)),)
    for asking in ({"lasts_for": 61}, {"uses": 3}, {"timeout_for": 10}, {"user": "root", "group": "daemon"}):
        assert isinstance(seen(*rules, **asking).decision, Deny), asking
    assert isinstance(seen(*rules, lasts_for=60, uses=2, timeout_for=9, reason="why").decision, Permit)
    assert isinstance(seen(*rules, service="sudo").decision, Deny)


def test_a_file_that_others_can_change_runs_only_where_the_rule_says_so(host: Host) -> None:
    host.writable_by = ("bob can change it",)
    assert told(seen(rule()))[0] == Why.TERMS
    assert isinstance(seen(rule(terms=Terms(writable=True))).decision, Permit)


def test_a_command_that_is_not_there_is_told_to_who_could_see_that(host: Host) -> None:
    absent = {"argv": (b"/usr/bin/no-such-thing",)}
    rules = (rule(commands=None),)
    assert told(seen(*rules, **absent))[0] == Why.MISSING
    host.hidden = (b"/usr/bin/no-such-thing",)
    assert told(seen(*rules, **absent)) == (Why.NO_RULE, "no rule permits this", "")
    assert host.looked_at is None


A_DIRECTORY = {"argv": (b"/usr/bin",)}
ANY = rule(commands=None)


@pytest.mark.parametrize(
    ("rules", "answer"),
    [
        ((), (Why.NO_RULE, "no rule permits this", "")),
        ((Rule("deny", "d", because="not now"),), (Why.RULE, "rule d: not now", "d")),
        ((ANY,), (Why.UNFIT, "/usr/bin: it is a directory", "")),
        ((replace(ANY, lasts_for=1),), (Why.UNFIT, "/usr/bin: it is a directory", "")),
    ],
)
def test_what_is_nothing_to_execute_is_told_where_policy_would_let_it_be_told(host: Host, rules: Any, answer: Any) -> None:
    assert told(seen(*rules, **A_DIRECTORY, lasts_for=5)) == answer
    assert host.looked_at is None


def test_a_rule_that_fails_is_told_before_what_is_nothing_to_execute(host: Host) -> None:
    broken: Any = replace(ANY, hours=5)
    assert told(seen(broken, **A_DIRECTORY))[0] == Why.ERROR


def test_what_is_nothing_to_execute_and_cannot_be_seen_is_as_what_is_not_there(host: Host) -> None:
    host.hidden = (b"/usr/bin",)
    for rules in ((ANY,), ()):  # of what kind it is, is nothing that they may know
        assert told(seen(*rules, **A_DIRECTORY)) == (Why.NO_RULE, "no rule permits this", "")


@pytest.mark.parametrize(
    ("fault", "hidden", "answer"),
    [
        (inspection.Uninspectable("it is odd"), (), (Why.ERROR, "the command's file cannot be looked at: it is odd", "p")),
        (
            inspection.Uninspectable("no shell", looked_at=(b"/x",), is_unfit=True),
            (),
            (Why.UNFIT, "it cannot be executed: no shell", "p"),
        ),
        (
            inspection.Uninspectable("no shell", looked_at=(b"/x",), is_unfit=True),
            (b"/x",),
            (Why.ERROR, "the command's file cannot be looked at, or what executes it", "p"),
        ),
        (
            inspection.Uninspectable("no shell", is_unfit=True),
            (b"/usr/bin/env",),
            (Why.NO_RULE, "no rule permits this", ""),
        ),
    ],
)
def test_a_file_that_cannot_be_judged_is_denied(host: Host, fault: Exception, hidden: Any, answer: Any) -> None:
    host.fault, host.hidden = fault, hidden
    assert told(seen(rule())) == answer


def test_an_answer_that_would_tell_of_a_hidden_file_is_the_one_of_a_file_that_is_not_there(host: Host) -> None:
    """A rule about what a name leads to, where only the name can be seen."""
    denies = Rule("deny", "d", commands=(read_command_pattern(("/usr/bin/env", "**")),))
    typed = {"argv": (b"/usr/bin/../bin/env", b"x")}
    found = seen(ANY, denies, **typed)
    assert (told(found)[0], found.command.path) == (Why.RULE, b"/usr/bin/env")
    for hidden in (b"/usr/bin/env", b"/usr/bin/../bin/env"):
        host.hidden = (hidden,)
        found = seen(ANY, denies, **typed)
        assert (told(found), found.command.path) == ((Why.NO_RULE, "no rule permits this", ""), b"/usr/bin/../bin/env")


def test_what_is_permitted_or_breaks_the_terms_is_told_of_a_hidden_file_too(host: Host) -> None:
    host.hidden = (b"/usr/bin/env",)
    assert isinstance(seen(ANY).decision, Permit)
    assert told(seen(ANY, uses=9))[0] == Why.TERMS
    assert told(seen())[0] == Why.NO_RULE


# --- what rules say of the file --------------------------------------------------------------------------------------


def of_digest(digest: bytes) -> When:
    """A condition that holds for a file with ``digest``."""
    names = frozenset({"fact.file_digest"})
    return When("about the file", names, lambda values: values["fact.file_digest"] == digest.hex())


def test_a_condition_about_the_file_holds_until_it_is_opened_and_is_asked_about_then(host: Host) -> None:
    assert isinstance(seen(rule(when=of_digest(b"D" * 32))).decision, Permit)
    host.looked_at = None
    assert told(seen(rule(when=of_digest(b"E" * 32))))[0] == Why.NO_RULE
    assert host.looked_at is not None
    denies = Rule("deny", "d", commands=(ENV,), when=of_digest(b"D" * 32))
    assert told(seen(denies, rule())) == (Why.RULE, "rule d denies it", "d")


def test_where_another_rule_permits_the_file_the_command_is_the_one_of_that_rule(host: Host, tmp_path: Path) -> None:
    theirs = rule(name="theirs", when=of_digest(b"E" * 32), terms=Terms(cwd="/usr", env=("PGDATA",)))
    its = rule(name="its", terms=Terms(cwd=str(tmp_path)))
    found = seen(theirs, its, preserved=((b"PGDATA", b"/srv"),))
    assert isinstance(found.decision, Permit) and found.decision.rule == "its"
    assert place(found.command) == directory(tmp_path) and found.command.variables == ()


def test_of_who_is_refused_before_any_rule_only_what_they_could_see_is_told(host: Host) -> None:
    """What an argument or a shell would run is looked up as it was typed, where they cannot see what it is."""
    typed = replace(ASKED, argv=(b"/usr/bin/id", b"-u"))
    doubted = replace(ASKED, doubt="/x is a link to /y", unseen=typed)
    assert (
        unopened(Policy((), "permit", ""), doubted, ALICE, "jitsudo", "/usr/bin", Deny(Why.LOCKED, "locked")).command.argv
        == typed.argv
    )
    assert (
        unopened(
            Policy((), "permit", ""), replace(doubted, unseen=None), ALICE, "jitsudo", "/usr/bin", Deny(Why.LOCKED, "locked")
        ).command.argv
        == ASKED.argv
    )
    assert host.looked_at is None


# --- directories and variables ---------------------------------------------------------------------------------------


def place(of: Command) -> tuple[bytes, int, int]:
    return (of.cwd, of.cwd_device, of.cwd_inode)


def directory(path: Path) -> tuple[bytes, int, int]:
    status = os.stat(path)
    return (os.fsencode(path), status.st_dev, status.st_ino)


def test_the_rules_directory_is_bound_where_the_daemon_runs_it_and_nowhere_else(host: Host, tmp_path: Path) -> None:
    there = rule(terms=Terms(cwd=str(tmp_path)))
    assert place(seen(there).command) == directory(tmp_path)
    assert place(seen(there, service="cron").command) == (b"/", 1, 2)
    gone = rule(terms=Terms(cwd=str(tmp_path / "gone")))
    sentence = "the working directory cannot be looked at: No such file or directory"
    assert told(seen(gone)) == (Why.ERROR, sentence, "p")


def test_a_directory_that_was_asked_for_and_not_looked_at_is_looked_at_here(host: Host, tmp_path: Path) -> None:
    asking: dict[str, Any] = {"cwd": os.fsencode(tmp_path), "cwd_device": 0, "cwd_inode": 0, "chdir": True}
    assert place(seen(rule(), **asking).command) == directory(tmp_path)
    assert place(seen(rule(), **{**asking, "cwd_inode": 7}).command) == (asking["cwd"], 0, 7)
    assert place(seen(rule(), **{**asking, "chdir": False}).command) == (asking["cwd"], 0, 0)
    gone = seen(rule(), **{**asking, "cwd": b"/no/such"})
    assert isinstance(gone.decision, Permit) and place(gone.command) == (b"/no/such", 0, 0)


def test_only_a_directory_that_was_asked_for_is_held_against_the_rule(host: Host, tmp_path: Path) -> None:
    there = rule(terms=Terms(cwd=str(tmp_path)))
    assert isinstance(seen(there, cwd=b"/usr").decision, Permit)
    assert told(seen(there, cwd=b"/usr", chdir=True))[0] == Why.TERMS


def test_what_was_preserved_comes_along_as_far_as_the_rule_lets_it_in(host: Host) -> None:
    preserved = ((b"PGDATA", b"/srv"), (b"OTHER", b"x"))
    lets_in = rule(terms=Terms(env=("PGDATA",)))
    assert seen(lets_in, preserved=preserved).command.variables == ((b"PGDATA", b"/srv"),)
    assert seen(rule(), preserved=preserved).command.variables == ()
    assert seen(preserved=preserved).command.variables == ()
    assert isinstance(seen(lets_in, preserved=preserved).decision, Permit)


def test_what_has_no_file_is_decided_by_its_words_alone(host: Host) -> None:
    found = seen(rule(commands=None), is_bare=True)
    assert isinstance(found.decision, Permit) and (found.command.path, found.command.digest) == (b"", b"")
    assert host.looked_at is None
    host.named = (b"/srv/a",)
    assert seen(rule(commands=None, approvals=OPS), is_bare=True).command.operands == ()


# --- operands --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "hidden", "expected"),
    [
        ({"approvals": OPS}, (), (Operand(1, b"/srv/a", b"read", "bob can", True, True),)),
        ({"approvals": OPS}, (b"/srv/a",), (Operand(1, b"/srv/a", b"", operands.UNSEEN, False),)),
        ({"approvals": OPS, "terms": Terms(writable=True)}, (), (Operand(1, b"/srv/a", b"", "bob can", True),)),
        (
            {"approvals": OPS, "terms": Terms(writable=True, bound=True)},
            (),
            (Operand(1, b"/srv/a", b"", "bob can", True),),
        ),
        ({"terms": Terms(bound=True)}, (), (Operand(1, b"/srv/a", b"", "bob can", True),)),
        ({}, (), ()),
        ({"approvals": OPS, "who": ("user:bob",)}, (), ()),
    ],
)
def test_operands_are_bound_where_somebody_approves_and_read_where_both_may_see(
    host: Host, changes: dict[str, Any], hidden: tuple[bytes, ...], expected: tuple[Operand, ...]
) -> None:
    host.named, host.hidden = (b"/srv/a",), hidden
    assert seen(rule(**changes)).command.operands == expected


# --- once more, when it is approved ----------------------------------------------------------------------------------

WAITING = Command(
    (b"/usr/bin/env", b"x"), b"/usr/bin/env", b"D" * 32, RunAs("root", 0, "root", 0), b"/", 1, 2, (), (),
    ("pipe", "pipe", "pipe"), (Operand(1, b"/srv/a", b"read", "bob can", True),),
)  # fmt: skip


def again(*rules: Rule, **changes: Any) -> Any:
    request = requested(what=replace(WAITING, **changes))
    return look_again(Policy(rules, "permit", ""), request, ALICE, TRUSTED, moment(), nothing())


def test_what_is_as_it_was_is_permitted_as_the_rule_now_says(host: Host) -> None:
    assert again(rule(approvals=OPS)) == Permit("p", rule(approvals=OPS).obligations)
    argv, view, approved, _ = host.compared
    assert (argv, view.cwd, view.target_uid, view.trusted) == (WAITING.argv, b"/", 0, TRUSTED)
    assert approved == ((1, b"/srv/a", b"read"),)
    assert bound(WAITING) == ((1, b"/srv/a", b"read"),)


@pytest.mark.parametrize(
    ("rules", "changes", "answer"),
    [
        ((), {}, Deny(Why.NO_RULE, "no rule permits this")),
        ((rule(),), {"digest": b"E" * 32}, Deny(Why.ERROR, "the command's file has changed since it was asked for", "p")),
        ((rule(),), {"run_as": RunAs("gone", 2**31 - 2, "gone", 1)}, Deny(Why.ERROR, "the account to run as no longer exists")),
        (
            (rule(terms=Terms(cwd="/usr")),),
            {},
            Deny(Why.TERMS, "the rule now wants another working directory", "p"),
        ),
    ],
)
def test_what_is_not_as_it_was_is_denied(host: Host, rules: Any, changes: dict[str, Any], answer: Deny) -> None:
    assert again(*rules, **changes) == answer


def test_a_group_that_is_not_the_accounts_own_is_still_one_the_rule_has_to_name(host: Host) -> None:
    assert isinstance(again(rule(), run_as=RunAs("root", 0, "daemon", 1)), Deny)
    assert isinstance(again(rule(run_as=("root:daemon",)), run_as=RunAs("root", 0, "daemon", 1)), Permit)


def test_the_directory_of_a_request_was_allowed_by_its_rule_and_is_not_asked_for_again(host: Host) -> None:
    status = os.stat("/usr")
    there = {"cwd": b"/usr", "cwd_device": status.st_dev, "cwd_inode": status.st_ino}
    assert isinstance(again(rule(terms=Terms(cwd="/usr")), **there), Permit)


@pytest.mark.parametrize(
    ("changes", "is_compared"),
    [
        ({"approvals": OPS}, True),
        ({}, False),
        ({"approvals": OPS, "terms": Terms(writable=True)}, False),
        ({"approvals": OPS, "terms": Terms(writable=True, bound=True)}, True),
        ({"terms": Terms(bound=True)}, True),
    ],
)
def test_operands_are_compared_where_they_were_bound(host: Host, changes: dict[str, Any], is_compared: bool) -> None:
    host.changed = "argument 1 was changed"
    answer = again(rule(**changes))
    assert (answer == Deny(Why.ERROR, "argument 1 was changed", "p")) is is_compared
    assert isinstance(answer, Permit) is not is_compared


def test_a_login_has_no_operands(host: Host) -> None:
    host.changed = "argument 1 was changed"
    assert isinstance(again(rule(commands=None, approvals=OPS), path=b"", digest=b""), Permit)
