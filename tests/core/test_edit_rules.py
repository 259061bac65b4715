# SPDX-License-Identifier: Apache-2.0
"""Which rules are about edits: those that say so, and no others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jitd.core.command import Command, together, work_of
from jitd.core.conditions import read_command_pattern
from jitd.core.decision import Deny, Permit, Terms, Why
from jitd.core.edit import SUDOEDIT, Edit, Edits, NewFile, Removal
from jitd.core.grant import covers, is_for_other_requests
from jitd.core.policy import decide, masked_places
from jitd.core.request import RequestState, issued
from jitd.core.values import FORGOTTEN
from jitd.core.when import When
from tests.core.house import NOON, ROOT, deny, patterns, permit, policy, question
from tests.scene import HOST, asked, moment, person
from tests.scene import permit as permitted

EDIT = Edit(1, 2, 0, 0, 0o644, b"b" * 32, b"a" * 32)
NEW = NewFile(1, 2, 0, 0, 0o644, b"a" * 32)
NGINX = ("sudoedit", "/etc/nginx/*.conf")


def edited(path: bytes, **changes: Any) -> Command:
    """An edit of ``path``."""
    made = question(argv=(SUDOEDIT, path)).command
    return replace(made, path=SUDOEDIT, digest=b"", edit=EDIT, **changes)


def made(path: bytes, mode: int = 0o644) -> Command:
    """A new file at ``path``."""
    return replace(edited(path), edit=None, makes=replace(NEW, mode=mode))


def removed(path: bytes) -> Command:
    """The removal of the file at ``path``."""
    return replace(edited(path), edit=None, removes=Removal(1, 2, 0, 0, 0o644, b"a" * 32, "0000-0000"))


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


def new(mode: int | None, *argvs: tuple[str, ...]) -> Any:
    return permit(**patterns(*(argvs or (NGINX,))), terms=Terms(new=mode))


@pytest.mark.parametrize(("mode", "asked_for"), [(None, 0o644), (0o600, 0o644), (0o644, 0o600), (0o644, 0o4644)])
def test_a_new_file_is_made_only_where_the_rule_says_so_and_with_its_mode_alone(mode: int | None, asked_for: int) -> None:
    """THREATS R-39."""
    path = b"/etc/nginx/site.conf"
    assert is_permitted(made(path), new(0o644))
    assert not is_permitted(made(b"/etc/nginx/sub/site.conf"), new(0o644))
    assert is_permitted(edited(path), new(mode))
    answer = decide(policy(new(mode)), replace(question(), command=made(path, asked_for)), NOON)
    assert isinstance(answer, Deny)
    assert answer.why is Why.TERMS
    if mode is None:
        assert answer.because == "there is no /etc/nginx/site.conf, and rule p permits no new file"
    else:
        assert answer.because == f"rule p permits new files with the mode {mode:04o} alone"


@pytest.mark.parametrize("words", [("**",), ("/*", "**"), ("/usr/bin/*", "**"), ("/usr/bin/sudoedit", "**"), ("/*/*", "*")])
def test_no_permit_for_commands_permits_a_new_file_or_its_removal(words: tuple[str, ...]) -> None:
    assert not is_permitted(made(b"/etc/motd"), new(0o644, words))
    assert not is_permitted(removed(b"/etc/motd"), new(0o644, words))


def test_a_file_is_removed_only_where_the_rule_permits_new_ones_and_without_its_check() -> None:
    """THREATS R-41: Rules for edits alone remove nothing. There is no text that a check could read."""
    path, checked = b"/etc/nginx/site.conf", Terms(new=0o600, checks=(("/bin/true",),))
    answer = decide(policy(new(None)), replace(question(), command=removed(path)), NOON)
    assert isinstance(answer, Deny) and answer.why is Why.TERMS
    assert answer.because == "rule p permits no new file, and so does not permit that /etc/nginx/site.conf is removed again"
    answer = decide(policy(permit(**patterns(NGINX), terms=checked)), replace(question(), command=removed(path)), NOON)
    assert isinstance(answer, Permit) and answer.obligations.terms == replace(checked, checks=())
    assert not is_permitted(removed(b"/etc/nginx/sub/site.conf"), new(0o644))


def test_what_permits_root_everything_makes_no_file_and_removes_none() -> None:
    """It says no mode, and root can make the file."""
    assert isinstance(decide(policy(), replace(question(ROOT), command=removed(b"/etc/motd")), NOON), Deny)
    answer = decide(policy(), replace(question(ROOT), command=made(b"/etc/motd")), NOON)
    assert isinstance(answer, Deny) and answer.because == "there is no /etc/motd, and rule root permits no new file"
    assert isinstance(decide(policy(), replace(question(ROOT), command=edited(b"/etc/motd")), NOON), Permit)


def test_what_denies_edits_denies_new_files() -> None:
    path = b"/etc/nginx/site.conf"
    for words in (("**",), ("sudoedit", "/etc/nginx/site.conf"), ("sudoedit", "/etc/*/*")):
        assert not is_permitted(made(path), deny(**patterns(words)), new(0o644))
        assert not is_permitted(removed(path), deny(**patterns(words)), new(0o644))
    assert not is_permitted(made(path), deny(), new(0o644))
    assert is_permitted(made(path), deny(**patterns(("/usr/bin/*", "**"))), new(0o644))


def test_the_approval_of_a_new_file_is_for_it_alone() -> None:
    """THREATS A-26, R-39, R-41: Neither another text, place, mode or owner, nor an edit of the file that is there then."""
    one = made(b"/etc/motd")
    request = replace(
        asked(what=one, lasts_for=600, uses=3), state=RequestState.APPROVED, rule="rule-1", obligations=permitted().obligations
    )
    grant = issued(request, moment()).grant
    assert not is_for_other_requests(grant)
    assert not covers(grant, person("alice"), HOST, "jitsudo", one, grant.rule, moment(1))
    others = [replace(one, makes=replace(NEW, **{name: 77})) for name in ("device", "inode", "uid", "gid", "mode")]
    others += [replace(one, makes=replace(NEW, after=b"c" * 32)), made(b"/etc/other"), edited(b"/etc/motd")]
    gone = removed(b"/etc/motd")
    others += [gone, *(replace(gone, removes=replace(gone.removes, **{name: 77})) for name in ("device", "inode", "mode"))]
    assert len({work_of(one), *map(work_of, others)}) == 1 + len(others)
    assert masked_places(policy(new(0o644)), one) == ()


A, B = b"/etc/a/x", b"/etc/b/x"


def several(*files: tuple[bytes, Edit]) -> Command:
    """Edits of files together."""
    return together([replace(edited(path), edit=edit) for path, edit in files])


BOTH = several((B, replace(EDIT, inode=3)), (A, EDIT))


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ([("a", ("sudoedit", "/etc/a/*"))], "no rule"),
        ([("a", ("sudoedit", "/etc/a/*")), ("b", ("sudoedit", "/etc/b/*"))], "a and b"),
        ([("a", ("sudoedit", "/etc/*/*")), ("b", ("sudoedit", "/etc/b/*"))], "a"),
        ([("a", ("**",))], "no rule"),
    ],
)
def test_of_several_files_each_is_judged_alone_and_one_deny_denies_all(
    rules: list[tuple[str, tuple[str, ...]]], told: str
) -> None:
    """THREATS R-40."""
    permits = [permit(name, **patterns(words)) for name, words in rules]
    answer = decide(policy(*permits), replace(question(), command=BOTH), NOON)
    assert (answer.rule if isinstance(answer, Permit) else str(answer.why)) == told
    for words in (("sudoedit", "/etc/a/x"), ("sudoedit", "/etc/b/*"), ("**",)):
        assert isinstance(decide(policy(deny(**patterns(words)), *permits), replace(question(), command=BOTH), NOON), Deny)
    named = replace(question(), command=BOTH, names=(b"/srv/link",))
    assert isinstance(decide(policy(deny(**patterns(("sudoedit", "/srv/link"))), *permits), named, NOON), Deny)


def test_each_check_names_the_file_of_its_own_rule() -> None:
    """THREATS R-40: With more than one file there is no other way to say for which a check is. One alone is as it was."""
    a = permit(
        "a", **patterns(("sudoedit", "/etc/a/*")), terms=Terms(checks=(("/bin/a", "-f={file}"), ("/bin/sh", "-c", "true")))
    )
    b = permit("b", **patterns(("sudoedit", "/etc/b/*")), terms=Terms(checks=(("/bin/b",),)))
    answer = decide(policy(a, b), replace(question(), command=BOTH), NOON)
    assert isinstance(answer, Permit)
    checks = {("/bin/a", "-f=/etc/a/x"), ("/bin/sh", "-c", "true", "/etc/a/x"), ("/bin/b", "/etc/b/x")}
    assert set(answer.obligations.terms.checks) == checks
    alone = decide(policy(a, b), replace(question(), command=edited(A)), NOON)
    assert isinstance(alone, Permit) and alone.obligations.terms.checks == a.obligations.terms.checks


@pytest.mark.parametrize(("paths", "is_right"), [(["/etc/a/x", "/etc/b/x"], True), (["/etc/a/x"], False), (["/etc/b/x"], False)])
def test_a_condition_sees_the_path_of_its_own_file_alone(paths: list[str], is_right: bool) -> None:
    """THREATS R-40: So a condition on the first path does not count for the second one."""
    right = [("sudoedit", path) for path in paths]
    when = When("request.argv", frozenset({"request.argv"}), lambda values: values["request.argv"] in right)
    rule = permit(**patterns(("sudoedit", "/etc/*/*")), when=when)
    answer = decide(policy(rule), replace(question(), command=BOTH), NOON)
    assert isinstance(answer, Permit) is is_right


def test_the_approval_of_several_files_is_for_them_alone() -> None:
    """THREATS A-26, R-40: In whatever order they were named, and no grant of it serves another request."""
    request = replace(
        asked(what=BOTH, lasts_for=600, uses=3), state=RequestState.APPROVED, rule="rule-1", obligations=permitted().obligations
    )
    grant = issued(request, moment()).grant
    assert not is_for_other_requests(grant)
    assert not covers(grant, person("alice"), HOST, "jitsudo", BOTH, grant.rule, moment(1))
    assert BOTH.argv == (SUDOEDIT, A, B) and several((A, EDIT), (B, replace(EDIT, inode=3))) == BOTH
    first, second = BOTH.edits
    others = [replace(BOTH, edits=(first, replace(second, **{name: 77}))) for name in ("device", "inode", "uid", "gid", "mode")]
    others += [replace(BOTH, edits=(first, replace(second, **{name: b"c" * 32}))) for name in ("before", "after")]
    others += [replace(BOTH, edits=(second, first)), replace(BOTH, argv=(SUDOEDIT, A, b"/etc/b/y")), edited(A)]
    assert len({work_of(BOTH), *map(work_of, others)}) == 1 + len(others)
    assert masked_places(policy(permit(**patterns(("**",)))), BOTH) == ()


def test_when_the_paths_are_forgotten_several_edits_are_still_several_edits() -> None:
    """One word is left of all of them."""
    left = replace(BOTH, argv=(SUDOEDIT, FORGOTTEN.encode()))
    assert left.what == Edits((FORGOTTEN.encode(),) * 2, BOTH.edits)
    assert left.told_argv == (SUDOEDIT, FORGOTTEN.encode(), FORGOTTEN.encode())
    assert [one.edited for one in left.each] == [FORGOTTEN.encode()] * 2
