# SPDX-License-Identifier: Apache-2.0
"""Which rules are about edits: those that say so, and no others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jitd.core.command import Command, work_of
from jitd.core.conditions import read_command_pattern
from jitd.core.decision import Deny, Permit
from jitd.core.edit import SUDOEDIT, Edit
from jitd.core.grant import covers, is_for_other_requests
from jitd.core.policy import decide, masked_places
from jitd.core.request import RequestState, issued
from tests.core.house import NOON, deny, patterns, permit, policy, question
from tests.scene import HOST, asked, moment, person
from tests.scene import permit as permitted

EDIT = Edit(1, 2, 0, 0, 0o644, b"b" * 32, b"a" * 32)
NGINX = ("sudoedit", "/etc/nginx/*.conf")


def edited(path: bytes, **changes: Any) -> Command:
    """An edit of ``path``."""
    made = question(argv=(SUDOEDIT, path)).command
    return replace(made, path=SUDOEDIT, digest=b"", edit=EDIT, **changes)


def is_permitted(command: Command, *rules: Any) -> bool:
    return isinstance(decide(policy(*rules), replace(question(), command=command), NOON), Permit)


def test_a_rule_permits_the_edits_that_its_pattern_fits_and_no_star_crosses_a_slash() -> None:
    rule = permit(**patterns(NGINX))
    assert is_permitted(edited(b"/etc/nginx/site.conf"), rule)
    for other in (b"/etc/nginx/sub/site.conf", b"/etc/nginx/site", b"/etc/nginx/../x.conf", b"/etc/nginx.conf", b"/etc/passwd"):
        assert not is_permitted(edited(other), rule)
    assert is_permitted(edited(b"/etc/motd"), permit(**patterns(("sudoedit", "/etc/motd"))))
    assert not is_permitted(edited(b"/etc/motd2"), permit(**patterns(("sudoedit", "/etc/motd"))))


@pytest.mark.parametrize("words", [("**",), ("/*", "**"), ("/usr/bin/*", "**"), ("/usr/bin/sudoedit", "**"), ("/*/*", "*")])
def test_no_permit_for_commands_permits_an_edit(words: tuple[str, ...]) -> None:
    """THREATS R-29."""
    assert not is_permitted(edited(b"/etc/motd"), permit(**patterns(words)))


def test_a_permit_for_edits_permits_no_command() -> None:
    rule = permit(**patterns(("sudoedit", "/etc/*")))
    for argv, path in (((b"sudoedit", b"/etc/motd"), SUDOEDIT), ((b"/etc/motd",), b"/etc/motd"), ((b"sudoedit", b"/etc/x"), b"")):
        assert not is_permitted(replace(question(argv=argv).command, path=path), rule)


def test_a_deny_for_any_command_denies_edits_and_a_deny_for_edits_denies_them_alone() -> None:
    rule = permit(**patterns(NGINX))
    path = b"/etc/nginx/site.conf"
    for words in (("**",), ("sudoedit", "/etc/nginx/site.conf"), ("sudoedit", "/etc/*/*")):
        denied = decide(policy(deny(**patterns(words)), rule), replace(question(), command=edited(path)), NOON)
        assert isinstance(denied, Deny)
    assert not is_permitted(edited(path), deny(), rule)
    assert is_permitted(edited(path), deny(**patterns(("/usr/bin/*", "**"))), rule)
    assert isinstance(decide(policy(deny(**patterns(NGINX)), permit(**patterns(("**",)))), question(), NOON), Permit)


@pytest.mark.parametrize(
    "words",
    [("sudoedit",), ("sudoedit", "etc/x"), ("sudoedit", "**"), ("sudoedit", "/etc/**"), ("sudoedit", "/etc/x", "/etc/y"),
     ("sudoedit", "/etc/x", "**"), ("sudoedit", "/etc/../x"), ("sudoedit", "/etc//x"), ("sudoedit", "/etc/x\0")],
)  # fmt: skip
def test_an_entry_that_could_mean_more_than_one_path_pattern_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"sudoedit|match|NUL|element"):
        read_command_pattern(words)


def test_patterns_of_edits_and_of_commands_cover_only_their_own_kind() -> None:
    wide, narrow = read_command_pattern(("sudoedit", "/etc/*/*")), read_command_pattern(NGINX)
    assert wide.covers(narrow)
    assert not narrow.covers(wide)
    for other in (("**",), ("/etc/*/*",), ("/etc/*/*", "**")):
        command = read_command_pattern(other)
        assert not command.covers(narrow)
        assert not narrow.covers(command)


def test_no_mask_hides_the_file_of_an_edit() -> None:
    assert masked_places(policy(permit(**patterns(("**",)))), edited(b"/etc/motd")) == ()


def test_the_grant_of_an_edit_serves_no_other_request() -> None:
    """THREATS A-26: Also not one for the same file and the same texts."""
    alice = person("alice")
    made = asked(what=edited(b"/etc/motd"), lasts_for=600, uses=3)
    request = replace(made, state=RequestState.APPROVED, rule="rule-1", obligations=permitted().obligations)
    grant = issued(request, moment()).grant
    assert grant.is_lease
    assert not is_for_other_requests(grant)
    assert not covers(grant, alice, HOST, "jitsudo", request.command, grant.rule, moment(1))
    other = replace(request.command, edit=replace(EDIT, after=b"c" * 32))
    assert work_of(request.command) != work_of(other)
