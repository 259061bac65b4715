# SPDX-License-Identifier: Apache-2.0
"""Whom to run as, and what is not a command (THREATS R-10): a number that is none is nobody's."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.beside import filtering
from jitd.core.asked_terms import USUAL
from jitd.core.command import RunAs
from jitd.core.decision import Approval, Deny, Permit, Why
from jitd.core.policy import Policy
from jitd.deciding import accounts
from jitd.deciding.command_lookup import Asked, Nonsense
from jitd.deciding.screening import look
from tests.core.house import permit
from tests.daemon.knowing import nothing
from tests.scene import moment, person

ASKED = Asked(
    argv=(b"/bin/true",), login=False, user=None, group=None, cwd=b"/", cwd_device=1, cwd_inode=2, chdir=False, variables=(),
    preserved=(), locale=(), streams=("null", "null", "null"), reason=None, terms=USUAL,
)  # fmt: skip
NO_IDS = [
    *("#-1", "#4294967295", "#4294967296", "#2147483648", "#0x0", "#+0", "#-0", "#", "##0", "# 0", "#0 ", "#00", "#0\n", "#1e3"),
    *("#0.0", "#１", "#०", "#٣", "#" + "9" * 5000),
]
NO_NAMES = ["", "nobody-here", "root\0", "root\n", " root", "ROOT", "0", "root:root", "-1", "../root", "\udcff"]


@pytest.mark.parametrize("typed", NO_IDS + NO_NAMES)
def test_what_is_no_id_and_no_name_of_an_account_is_nobody(typed: str) -> None:
    """THREATS R-10."""
    with pytest.raises(accounts.NoSuchAccount):
        accounts.target(typed, None, "root")
    with pytest.raises(accounts.NoSuchAccount):
        accounts.run_as(accounts.target("root", typed, "root"), typed)


@pytest.mark.parametrize("typed", NO_IDS + NO_NAMES)
def test_who_asks_for_nobody_is_answered_before_any_rule(typed: str) -> None:
    with pytest.raises(Nonsense):
        look(
            Policy((), "permit", ""),
            replace(ASKED, user=typed),
            person("alice"),
            "host",
            "jitsudo",
            "/bin",
            (),
            moment(),
            nothing(),
        )


@given(st.text(max_size=12).map("#".__add__))
def test_only_a_plain_decimal_of_an_account_that_exists_is_a_number(typed: str) -> None:
    try:
        found = accounts.entry_of(typed)
    except accounts.NoSuchAccount:
        return
    assert typed == f"#{found.pw_uid}"


def test_a_number_is_the_account_of_that_number() -> None:
    def run_as(user: str | None, group: str | None) -> RunAs:
        return accounts.run_as(accounts.target(user, group, "root"), group)

    assert run_as("#0", "#0") == run_as("root", "root") == run_as(None, None)


@pytest.mark.parametrize("argv", [(), (b"",), (b"", b"-c"), (b"/bin/true\0",), (b"/bin/true", b"a\0b")])
def test_a_command_without_a_name_or_with_a_nul_is_nonsense(argv: tuple[bytes, ...]) -> None:
    """THREATS R-10."""
    with pytest.raises(Nonsense):
        look(
            Policy((), "permit", ""),
            replace(ASKED, argv=argv),
            person("alice"),
            "host",
            "jitsudo",
            "/bin",
            (),
            moment(),
            nothing(),
        )


@pytest.mark.parametrize(
    ("user", "group", "given_gid"), [("nobody", "games", 60), ("games", "games", None), ("root", "games", None)]
)
def test_a_group_is_given_to_whoever_lacks_it_but_root(user: str, group: str, given_gid: int | None) -> None:
    """THREATS Q-14"""
    assert accounts.given_gid(accounts.run_as(accounts.entry_of(user), group)) == given_gid


WHY = "this host has no libseccomp.so.2"


@pytest.mark.parametrize(("user", "why", "is_permitted"), [("nobody", WHY, False), ("games", WHY, True), ("nobody", "", True)])
def test_nobody_is_asked_to_approve_a_group_that_cannot_be_kept_in_the_run(
    monkeypatch: pytest.MonkeyPatch, user: str, why: str, is_permitted: bool
) -> None:
    """THREATS Q-32: where system calls cannot be filtered, a group is given to nobody who lacks it."""
    monkeypatch.setattr(filtering, "can_confine", lambda: why)
    rules = Policy((permit(who=None, run_as=("*",), approvals=(Approval(1, ("group:ops",)),)),), "permit", "")
    asked = replace(ASKED, user=user, group="games")
    answer = look(rules, asked, person("alice"), "host", "jitsudo", "/bin", (), moment(), nothing()).decision
    assert isinstance(answer, Permit) is is_permitted
    if isinstance(answer, Deny):
        told = (
            "nobody is not a member of the group games, and the group cannot be kept in one run: this host has no libseccomp.so.2"
        )
        assert (answer.why, answer.because) == (Why.UNFIT, told)
