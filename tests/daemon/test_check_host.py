# SPDX-License-Identifier: Apache-2.0
"""What ``jitd check`` warns about that depends on the host: people, and files that are looked at for real."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from jitd.core.authentication import Demand
from jitd.core.decision import Approval
from jitd.core.keys.hosts import read_host
from jitd.core.policy import Rule
from jitd.core.warning import Warned
from jitd.deciding.signers import Signers
from jitd.settings.config import Approvals, Approver, Config
from jitd_inspection.checking import warnings as all_warnings
from jitd_inspection.checking.commands import about_commands
from jitd_inspection.checking.known import Known
from jitd_inspection.checking.people import about_people, targets_of
from jitd_inspection.checking.warnings import in_time, warnings
from tests.core.house import deny, patterns, permit
from tests.waiting import PATIENCE

GROUPS = {"dba": ("alice",), "ops": ("bob", "carol"), "one": ("bob",), "none": (), "gone": None, "sys": ("daemon",)}
USERS = {"alice": 1001, "bob": 1002, "carol": 1003, "daemon": 2, "postgres": 110, "root": 0, "nobody": None}
CONFIG = Config(frozenset({"R"}), "h.example.org", min_uid=1000)
KNOWN = Known(GROUPS, USERS, CONFIG)


def asks(need: int, *words: str) -> dict[str, tuple[Approval, ...]]:
    return {"approvals": (Approval(need, words),)}


def either(*ways: Approval) -> dict[str, tuple[Approval, ...]]:
    return {"approvals": (replace(ways[0], instead=ways[1:]),)}


ROWS = [
    (permit(), KNOWN, []),
    (permit(**either(Approval(3, ("group:ops",)), Approval(1, ("group:one",), after=60))), KNOWN, []),
    (
        permit(**either(Approval(3, ("group:ops",)), Approval(1, ("group:none",), after=60))),
        KNOWN,
        [
            "no-approver: the rule wants 3 approvals from group:ops or, after 1 minute, 1 from group:none,"
            " and only 2 could approve"
        ],
    ),
    (permit(**either(Approval(1, ("user:alice",)), Approval(1, ("group:one",)))), KNOWN, []),
    (
        permit(**either(Approval(1, ("group:ops",)), Approval(1, ("group:gone",), after=60))),
        KNOWN,
        ["no-such-name: group:gone, who may approve: there is no such group here"],
    ),
    (permit(approvals=(Approval(1, ("group:ops",), also="oncall:ops"),)), KNOWN, []),
    (permit(**asks(2, "group:ops")), KNOWN, []),
    (permit(**asks(3, "group:ops")), KNOWN, ["no-approver: the rule wants 3 approvals from group:ops, and only 2 could approve"]),
    (
        permit(**asks(1, "group:none")),
        KNOWN,
        ["no-approver: the rule wants 1 approval from group:none, and nobody could approve"],
    ),
    (
        permit(**asks(1, "group:sys")),
        KNOWN,
        ["and nobody could approve: the rule permits nothing; daemon (uid 2) is a system account. Lower min_uid"],
    ),
    (
        permit(**asks(1, "user:alice")),
        KNOWN,
        ["and nobody approves their own request: requests of alice can never be approved, and nobody else may ask"],
    ),
    (permit(who=("group:one", "group:dba"), **asks(1, "user:bob")), KNOWN, ["request: requests of bob can never be approved"]),
    (permit(**asks(1, "group:gone")), KNOWN, ["no-such-name: group:gone, who may approve: there is no such group here"]),
    (permit(**asks(1, "group:away")), KNOWN, ["not-looked-up: group:away, who may approve: it cannot be looked up"]),
    (permit(who=("user:nobody",)), KNOWN, ["no-such-name: user:nobody: there is no such account here"]),
    (permit(who=("principal:bob@R",)), KNOWN, []),
    (permit(who=("principal:bob@OTHER",)), KNOWN, ["principal:bob@OTHER: there is no such principal with an account here"]),
    (permit(who=("principal:bob@OTHER",)), Known(GROUPS, USERS, Config(frozenset(), "h")), []),
    (permit(who=("group:none",)), KNOWN, ['never-matches: "who" names nobody who may ask on this host: group:none']),
    (permit(who=("user:root",)), KNOWN, []),
    (
        permit(who=("user:daemon", "group:none")),
        KNOWN,
        [
            "never-matches: it applies to no one: daemon (uid 2) is a system account. Lower min_uid in jitd.toml"
            ' (min_uid = 2), or map its principal under [principals] ("daemon@R" = "daemon")'
        ],
    ),
    (deny(who=("group:gone",)), KNOWN, ["group:gone: there is no such group here, so this name denies nobody"]),
    (deny(who=("group:away",)), KNOWN, ["cannot be looked up; until it can be looked up, the rule denies everybody"]),
    (deny(who=("group:none",)), KNOWN, []),
    (permit(run_as=("postgres", "*")), KNOWN, []),
    (permit(run_as=("nobody",)), KNOWN, ["no-such-name: run_as names nobody: there is no such account here"]),
    (permit(run_as=("postgres:gone",)), KNOWN, ["no-such-name: run_as names gone: there is no such group here"]),
    (permit(run_as=("self:ops",)), KNOWN, []),
    (permit(run_as=("self:gone",)), KNOWN, ["no-such-name: run_as names gone: there is no such group here"]),
    (permit(run_as=("self:ops",)), replace(KNOWN, users={**USERS, "self": 1009}), ["self-account: run_as has"]),
    (permit(run_as=("postgres:away",)), KNOWN, ["not-looked-up: run_as names away: it cannot be looked up"]),
    (permit(**asks(9, "group:ops")), replace(KNOWN, elsewhere=frozenset({"ops"})), ["lists too few members to tell"]),
    (permit(**asks(1, "group:none")), replace(KNOWN, elsewhere=frozenset({"none"})), ["lists too few members to tell"]),
    (permit(who=("group:none",)), replace(KNOWN, elsewhere=frozenset({"none"})), []),
    (permit(**asks(9, "group:ops")), Known(GROUPS, USERS, CONFIG, is_whole=False), ["not-looked-up: the accounts of this host"]),
    (permit(), Known(GROUPS, USERS, CONFIG, is_whole=False), []),
]


@pytest.mark.parametrize(("rule", "known", "lines"), ROWS)
def test_what_people_are_warned_about(rule: Rule, known: Known, lines: list[str]) -> None:
    told = [f"{one.name}: {one.sentence}" for one in about_people([rule], known)]
    assert len(told) == len(lines), told
    assert all(line in sentence for line, sentence in zip(lines, told, strict=True)), told


@pytest.mark.parametrize("n_without", [210, 209], ids=["all of them", "all but one"])
def test_nobody_else_may_ask_is_said_only_if_that_is_so_of_everybody(n_without: int) -> None:
    """However many may ask. The one for whom there are enough is not among the approvers, and comes last."""
    many = tuple(f"user{number}" for number in range(210))
    known = Known({"many": many, "some": many[:n_without]}, {name: 2000 + number for number, name in enumerate(many)}, CONFIG)
    rule = permit(who=("group:many",), **asks(n_without, "group:some"))
    (told,) = (one for one in about_people([rule], known) if one.name == "no-approver")
    assert f"and {n_without - 5} more can never be approved" in told.sentence
    assert ("nobody else may ask" in told.sentence) == (n_without == len(many))


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
NO_KEY = ["nobody could approve: the rule permits nothing; no key that would do counts for bob, carol"]


@pytest.mark.parametrize(
    ("signed", "content", "need", "lines"),
    [
        ("", "", 2, []),
        ("key", "", 1, NO_KEY),
        ("key", f"bob@R {KEY}\n", 1, []),
        (
            "key",
            f"bob@R {KEY}\n",
            2,
            ["and only 1 could approve: the rule permits nothing; no key that would do counts for carol"],
        ),
        ("touch", f"bob@R {KEY}\n", 1, NO_KEY),
        ("key", f'bob@R valid-before="20200101Z" {KEY}\n', 1, NO_KEY),
        ("key", f"bob@R {KEY}\nwhat\n", 1, [f"{NO_KEY[0]} ("]),
    ],
)
def test_who_has_no_key_that_counts_is_no_approver_where_a_signature_is_demanded(
    tmp_path: Path, signed: str, content: str, need: int, lines: list[str]
) -> None:
    file = tmp_path / "allowed_signers"
    file.write_text(content)
    rule = permit(approvals=(Approval(need, ("group:ops",), Demand(signed=signed)),))
    told = [one.sentence for one in about_people([rule], replace(KNOWN, signers=Signers(file)))]
    assert len(told) == len(lines) and all(line in one for line, one in zip(lines, told, strict=True)), told


def test_accounts_and_groups_to_run_as_are_looked_up_too() -> None:
    rules = [permit(run_as=("postgres:adm", "*")), deny(run_as=("*:disk", "bob")), deny()]
    assert targets_of(rules) == {"user:postgres", "group:adm", "group:disk", "user:bob"}


# --- files -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A directory with a program, a file that cannot be executed, a directory, and links to a program and to a directory."""
    here = tmp_path.resolve()
    (here / "bin").mkdir()
    for name, mode in (("run", 0o755), ("text", 0o644)):
        (here / "bin" / name).touch()
        (here / "bin" / name).chmod(mode)
    (here / "bin/link").symlink_to("run")
    (here / "bin/dangling").symlink_to("nowhere")
    (here / "sbin").symlink_to("bin")
    return here


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("bin/run", ""),
        ("bin/link", ""),
        ("bin/gone", "there is no {}/bin/gone here"),
        ("bin/dangling", "there is no {}/bin/dangling here"),
        ("bin/run/x", "there is no {}/bin/run/x here"),
        ("bin/text", "{}/bin/text cannot be executed"),
        ("bin", "{}/bin is a directory"),
        ("sbin/run", "jitd knows {}/sbin/run as {}/bin/run here, because the path {}/sbin has a symbolic link in it"),
        ("b?n/r*", ""),
        ("bin/*", ""),
        ("bin/x*", "no file here matches {}/bin/x*"),
        ("x*/run", "no file here matches {}/x*/run"),
        ("*/gone", "no file here matches {}/*/gone"),
        ("*/run", ""),
    ],
)
def test_what_files_are_warned_about(files: Path, path: str, sentence: str) -> None:
    told = [one.sentence for one in about_commands([permit(**patterns((f"{files}/{path}", "**")))])]
    assert told == ([sentence.replace("{}", str(files))] if sentence else [])


def test_a_deny_of_a_file_that_is_not_there_says_that_it_denies_nothing(files: Path) -> None:
    (told,) = about_commands([deny("d", **patterns((f"{files}/bin/gone",)), file="p.toml", line=7)])
    assert (
        str(told)
        == f"p.toml:7: rule d: warning no-such-command: there is no {files}/bin/gone here, so this pattern denies nothing"
    )


def test_logins_and_any_command_name_no_file() -> None:
    assert list(about_commands([permit(), permit(services=("sshd",), **patterns(("/gone",)))])) == []


def test_what_cannot_be_looked_at_is_not_called_absent() -> None:
    """A name that is too long stands for every error that is not an absence: root may look at everything else."""
    long = f"/{'x' * 300}/run"
    (told,) = about_commands([permit(**patterns((long,)))])
    assert (told.name, told.sentence) == ("not-looked-up", f"cannot look at {long}: File name too long")


# --- all of it ---------------------------------------------------------------------------------------------------------


def test_only_rules_about_this_host_are_compared_with_it() -> None:
    elsewhere = permit("p", hosts=(read_host("web*"),), who=("group:no-such-group-here",), **patterns(("/nowhere/x",)))
    assert warnings([elsewhere], CONFIG, {}) == []
    here = permit("p", hosts=(read_host("h.*"),), who=("group:no-such-group-here",), **patterns(("/nowhere/x",)))
    assert {one.name for one in warnings([here], CONFIG, {})} == {"no-such-command", "no-such-name"}


def test_warnings_come_in_the_order_of_the_rules_and_without_what_is_accepted() -> None:
    rules = [
        permit("z", **patterns(("/nowhere/z",)), who=("user:root",)),
        permit("a", **patterns(("/nowhere/a",)), who=("user:root",), accepts=(("no-such-command", "it comes later"),)),
        permit("m", **patterns(("/nowhere/m",)), who=("user:root",)),
    ]
    assert [(one.rule, one.name) for one in warnings(rules, CONFIG, {})] == [
        ("z", "never-matches"),
        ("z", "no-such-command"),
        ("a", "never-matches"),
        ("m", "never-matches"),
        ("m", "no-such-command"),
    ]


def test_what_hangs_is_a_warning() -> None:
    ends = threading.Event()
    try:
        (told,) = in_time(lambda: [] if ends.wait() else [], "the directory", seconds=0.05)
    finally:
        ends.set()
    assert told == Warned("not-looked-up", "", 0, "", "the directory could not be looked up within 0.05 s")
    assert str(told) == "warning not-looked-up: the directory could not be looked up within 0.05 s"


def test_a_directory_that_hangs_leaves_the_other_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    monkeypatch.setattr(all_warnings, "look_up", lambda *_: os.read(reader, 1))
    try:
        found = warnings([permit("p", **patterns(("/usr/bin/vim",)))], CONFIG, {}, seconds=0.05)
    finally:
        os.close(writer)
        os.close(reader)
    assert {"amounts-to-root", "not-looked-up"} <= {one.name for one in found}


def test_what_fails_is_a_warning() -> None:
    def fails() -> list[Warned]:
        raise OSError("no such thing")

    (told,) = in_time(fails, "files", seconds=PATIENCE)
    assert told.sentence == "files could not be looked up: no such thing"


def signed(*demands: str) -> dict[str, tuple[Approval, ...]]:
    """An approval by one of several ways, each with its ``signed``."""
    return either(*(Approval(1, ("group:ops",), Demand(signed=one)) for one in demands))


ROOT = patterns(("/bin/sh",))
TICKET, COPY = "any program with an approver's ticket", "anybody with a copy of an approver's passkey"
UNTOUCHED = ': root is given by approvals that {} can give: demand signed = "touch"'


@pytest.mark.parametrize(
    ("demanded", "by_whom"),
    [
        (signed(""), [TICKET]),
        (signed("key"), [TICKET]),
        (signed("synced"), [COPY]),
        (signed("touch"), []),
        (signed("pin"), []),
        (signed("touch", ""), [TICKET]),
        (signed("touch", "synced"), [COPY]),
        (signed("synced", "key"), [TICKET]),
        (signed("touch", "pin"), []),
        ({"approvals": (*signed("")["approvals"], *signed("touch")["approvals"])}, []),
        ({"approvals": (*signed("synced")["approvals"], *signed("touch")["approvals"])}, []),
        ({"approvals": (*signed("")["approvals"], *signed("synced")["approvals"])}, [COPY]),
        ({"approvals": (*signed("")["approvals"], *signed("key")["approvals"])}, [TICKET]),
        ({"approvals": (Approval(1, ("group:ops",), Demand(indicators=("otp",), ticket_age=60)),)}, [TICKET]),
        ({}, []),
    ],
)
def test_a_rule_that_gives_root_without_a_touch_is_named_on_a_host_that_knows_keys(
    tmp_path: Path, demanded: dict[str, tuple[Approval, ...]], by_whom: list[str]
) -> None:
    """THREATS A-33."""
    keys = tmp_path / "allowed_signers"
    config = replace(CONFIG, approvals=Approvals(keys))
    rules = [permit(name="shell", **ROOT, **demanded), permit(name="harmless", **patterns(("/usr/bin/true",)))]
    assert [one for one in warnings(rules, config, {}) if one.name == "untouched"] == []
    keys.touch()
    found = [str(one) for one in warnings(rules, config, {}) if one.name == "untouched"]
    assert found == [f"warning untouched: rule shell{UNTOUCHED.format(who)}" for who in by_whom]


def test_one_line_names_all_rules_that_give_root_without_a_touch_but_those_that_accept_it() -> None:
    config = replace(CONFIG, approvers={"bob@R": Approver("bob", (), key="ssh-ed25519 A")})
    rules = [permit(name=f"rule-{n}", **ROOT, **signed("key")) for n in range(8)]
    rules[3] = replace(rules[3], accepts=(("untouched", "robots approve it"),))
    found = warnings(rules, config, {})
    (one,) = [one for one in found if one.name == "untouched"]
    assert one.sentence == f"rules rule-0, rule-1, rule-2, rule-4, rule-5 and 2 more{UNTOUCHED.format(TICKET)}"
    assert "needless-accept" not in {one.name for one in found}
