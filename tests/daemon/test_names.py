# SPDX-License-Identifier: Apache-2.0
"""What a command is called, and what it is by other names: links, hard links and copies, as tables (THREATS R-15, R-16)."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from jitd.core.asked_terms import USUAL
from jitd.core.conditions import read_command_pattern
from jitd.core.decision import Deny, Permit, Why
from jitd.core.edit import SUDOEDIT
from jitd.core.masking import read_mask
from jitd.core.names import NAMES as KNOWN
from jitd.core.names import Name
from jitd.core.policy import Policy, Rule, masked_places
from jitd.core.question import Question
from jitd.deciding.command_lookup import Asked, find
from jitd.deciding.findings import RequesterLook
from jitd.deciding.knowledge import Knowledge, Wanted
from jitd.deciding.screening import look, look_again, unopened
from jitd.expressions.compiling import compile_when
from jitd.files.glance import MOST_NAMES, Glance
from jitd.files.names import Literals, names_of
from jitd.files.silence import Silent
from tests.core.test_edit_rules import edited
from tests.daemon.knowing import nothing
from tests.scene import asked as requested
from tests.scene import moment, person

ALICE = person("alice")
ME = os.getuid()
ASKED = Asked(
    argv=(), login=False, user=f"#{ME}", group=None, cwd=b"/", cwd_device=1, cwd_inode=2, chdir=False, variables=(), preserved=(),
    locale=(), streams=("null", "null", "null"), reason=None, terms=USUAL,
)  # fmt: skip
ANY = Rule(
    "permit",
    "any",
    who=("user:alice",),
    run_as=("*",),
    commands=(read_command_pattern(("**",)),),
    services=("jitsudo", "sudo"),
)


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """Two of root's programs, and names that lead to the first."""
    path = Path(tempfile.mkdtemp(prefix="jitd-", dir="/var/tmp"))
    path.chmod(0o755)
    for name in ("tools", "theirs", "dir"):
        (path / name).mkdir()
    for name in ("tools/tool", "tools/other"):
        shutil.copy("/bin/true", path / name)
    (path / "tools/link").symlink_to("tool")
    (path / "theirs/link").symlink_to("../tools/tool")
    (path / "theirs/links").symlink_to(path / "theirs/link")
    (path / "theirs/tolink").symlink_to(path / "tools/link")
    os.link(path / "tools/tool", path / "theirs/hard")
    (path / "theirs/tohard").symlink_to("hard")
    (path / "way").symlink_to("tools")
    (path / "ways").symlink_to(".")
    shutil.copy(path / "tools/tool", path / "theirs/copy")
    yield path
    shutil.rmtree(path)


NAMES = {
    "tools/tool": True,
    "tools/../tools/./tool": True,
    "way/tool": True,
    "tools/link": True,
    "theirs/link": True,
    "theirs/links": True,
    "theirs/tolink": True,
    "theirs/hard": True,
    "theirs/tohard": True,
    "theirs/copy": False,
    "tools/other": False,
}
"""Name → whether a deny on tools/tool is about it. A copy is another file."""
ON_NAMES = {
    "tools/to*": ("tools/tool", "way/tool", "tools/link", "theirs/link", "theirs/links", "theirs/tolink"),
    "theirs/link*": ("theirs/link", "theirs/links"),
    "way/to*": ("tools/tool", "way/tool", "tools/link", "theirs/link", "theirs/links", "theirs/tolink"),
    "ways/*/to*": ("tools/tool", "way/tool", "tools/link", "theirs/link", "theirs/links", "theirs/tolink", "theirs/tohard"),
    "tools/link": ("tools/link", "theirs/tolink"),
    "way/link": ("tools/link", "theirs/tolink"),
    "theirs/tohard": ("theirs/tohard",),
    "way/tool": tuple(name for name, is_tool in NAMES.items() if is_tool),
    "theirs/hard": tuple(name for name, is_tool in NAMES.items() if is_tool),
    "theirs/copy": ("theirs/copy",),
    "tools/none": (),
}
"""The first element of a deny → the names that it is about. What it names without a wildcard is compared by device and inode,
whatever links are on the way; what a wildcard stands for is compared with names. If it ends at a link, it is about this link.
"""


def rule(place: Path, verdict: str, path: str, *more: str) -> Rule:
    pattern = read_command_pattern((f"{place}/{path}", *more))
    if verdict == "deny":
        return Rule("deny", "d", commands=(pattern,))
    return replace(ANY, commands=(pattern,))


def is_permitted(place: Path, name: str, *rules: Rule, words: tuple[bytes, ...] = (), service: str = "jitsudo") -> bool:
    asked = replace(ASKED, argv=(os.fsencode(place / name), *words))
    sighting = look(Policy(rules, "permit", ""), asked, ALICE, "host", service, "/usr/bin", (), moment(), nothing())
    return isinstance(sighting.decision, Permit)


@pytest.mark.parametrize("name", NAMES)
def test_a_deny_holds_for_the_file_by_whatever_name(place: Path, name: str) -> None:
    """THREATS R-16."""
    assert is_permitted(place, name, ANY), "without the deny"
    for service in ("jitsudo", "sudo"):
        assert is_permitted(place, name, rule(place, "deny", "tools/tool", "**"), ANY, service=service) is not NAMES[name]


@pytest.mark.parametrize("path", ON_NAMES)
def test_a_deny_is_about_these_names(place: Path, path: str) -> None:
    """THREATS R-16."""
    denied = [name for name in NAMES if not is_permitted(place, name, rule(place, "deny", path, "**"), ANY)]
    assert sorted(denied) == sorted({*ON_NAMES[path]} | ({"tools/../tools/./tool"} if "tools/tool" in ON_NAMES[path] else set()))


def test_a_deny_with_arguments_is_about_these_arguments_alone(place: Path) -> None:
    rules = (rule(place, "deny", "tools/tool", "stop"), ANY)
    assert not is_permitted(place, "theirs/hard", *rules, words=(b"stop",))
    assert is_permitted(place, "theirs/hard", *rules, words=(b"start",))


@pytest.mark.parametrize("name", NAMES)
def test_a_permit_is_for_the_name_that_it_says(place: Path, name: str) -> None:
    """THREATS R-16: the path with its directories resolved, and none of the file's other names: these are looked for if a deny
    is about the file.
    """
    is_its_name = name in ("tools/tool", "way/tool", "tools/../tools/./tool")
    for permitted in ("tools/tool", "tools/to*"):
        permit = rule(place, "permit", permitted)
        assert is_permitted(place, name, permit) is is_its_name
        assert is_permitted(place, name, rule(place, "deny", "tools/tool", "stop"), permit) is is_its_name


@pytest.mark.parametrize("name", ["tools/tool", "theirs/hard", "theirs/tolink"])
def test_a_deny_that_comes_while_it_waits_holds_for_the_file_too(place: Path, name: str) -> None:
    """THREATS R-16."""
    asked = replace(ASKED, argv=(os.fsencode(place / name),))
    command = look(Policy((ANY,), "permit", ""), asked, ALICE, "host", "jitsudo", "/usr/bin", (), moment(), nothing()).command
    waiting = replace(requested(who=ALICE), command=command)
    assert isinstance(look_again(Policy((ANY,), "permit", ""), waiting, ALICE, (), moment(), nothing()), Permit)
    deny = rule(place, "deny", "tools/tool")
    assert not isinstance(look_again(Policy((ANY, deny), "permit", ""), waiting, ALICE, (), moment(), nothing()), Permit)


@pytest.fixture
def mounted(place: Path) -> Iterator[Path]:
    """The first program, and its directory, by another mount."""
    file, directory = place / "mounted file", place / "mounted"
    file.touch()
    directory.mkdir()
    for source, target in (("tools/tool", file), ("tools", directory)):
        subprocess.run(["mount", "--bind", place / source, target], check=True)
    yield directory
    for target in (file, directory):
        subprocess.run(["umount", target], check=True)
    file.unlink()
    directory.rmdir()


OF_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="mounts")
BY_MOUNT = (
    "tools/tool",
    "tools/t*",
    "mounted/tool",
    "mounted/t*",
    "mounted file",
    "mounted fil?",
    "theirs/hard",
    "way/t*",
)


@OF_ROOT
@pytest.mark.parametrize("path", BY_MOUNT)
def test_a_deny_holds_by_another_mount(place: Path, mounted: Path, path: str) -> None:
    """THREATS R-16."""
    for name in ("mounted/tool", "mounted file", "tools/tool", "way/tool"):
        assert is_permitted(place, name, ANY), "without the deny"
        assert not is_permitted(place, name, rule(place, "deny", path, "**"), ANY)
        assert is_permitted(place, name, rule(place, "deny", "tools/other", "**"), rule(place, "deny", "theirs/t*"), ANY)
    assert is_permitted(place, "mounted/other", rule(place, "deny", path, "**"), ANY), "it is another file"


@OF_ROOT
def test_no_length_of_a_path_hides_from_a_deny_where_it_leads(place: Path, mounted: Path) -> None:
    """THREATS R-16: the deny names a link to a directory above the mount, and the look has no room for the names above it."""
    (place / "above").symlink_to(place)
    for number in range(MOST_NAMES):
        (place / "many" / str(number)).mkdir(parents=True)
    tool = os.fsencode(place / "tools/tool")

    def found(n_names: int) -> tuple[bytes, ...]:
        path = os.fsencode(place / "many") + b"".join(b"/%d/.." % number for number in range(n_names)) + b"/../tools/tool"
        with Glance() as glance:
            glance.follow(path)
            assert glance.lstat(tool)
            return names_of((path, tool), Literals((), (os.fsencode(place / "above"),)), glance)

    try:
        assert any(name.endswith(b"/above/mounted/tool") for name in found(1))
        room = MOST_NAMES - len([part for part in tool.split(b"/") if part]) - 2  # "/" and "many"
        with pytest.raises(Silent, match="too many names"):
            found(room)
    finally:
        shutil.rmtree(place / "many")
        (place / "above").unlink()


@OF_ROOT
def test_no_permit_is_for_another_name(place: Path, mounted: Path) -> None:
    """THREATS R-16: no permit holds by a link, a hard link or a mount."""
    deny = rule(place, "deny", "tools/none")  # other names are looked for
    for permitted in ("mounted/tool", "mounted fil?", "way/t*", "theirs/hard", "tools/link"):
        assert not is_permitted(place, "tools/tool", deny, rule(place, "permit", permitted))
    for name in ("mounted/tool", "mounted file", "theirs/hard", "tools/link"):
        assert not is_permitted(place, name, deny, rule(place, "permit", "tools/tool"))


def edits(*words: str, verdict: Literal["permit", "deny"] = "permit") -> Rule:
    patterns = tuple(read_command_pattern(("sudoedit", word)) for word in words)
    return replace(ANY, verdict=verdict, name=verdict, commands=patterns, who=None, run_as=None, services=None)


def may_edit(path: Path, *rules: Rule) -> bool:
    asked = replace(ASKED, argv=(SUDOEDIT, os.fsencode(path)), text=b"new\n")
    sighting = look(Policy(rules, "permit", ""), asked, ALICE, "host", "jitsudo", "/usr/bin", (), moment(), nothing())
    denial = sighting.decision.why if isinstance(sighting.decision, Deny) else None
    return denial not in (Why.RULE, Why.NO_RULE)


@OF_ROOT
@pytest.mark.parametrize("denied", ["tools/conf", "tools/c*", "way/conf", "way/c*", "mounted/conf", "theirs/conflink"])
def test_a_deny_for_an_edit_holds_for_the_file_by_whatever_name(place: Path, mounted: Path, denied: str) -> None:
    """THREATS R-16: a link on the way, a link in the rule, and another mount, at the request and while it waits."""
    (place / "tools/conf").write_text("old\n")
    (place / "theirs/conflink").symlink_to("../tools/conf")
    try:
        permit, deny = edits(f"{place}/*/*"), edits(f"{place}/{denied}", verdict="deny")
        for name in ("tools/conf", "way/conf", "mounted/conf"):
            assert may_edit(place / name, permit), "without the deny"
            assert not may_edit(place / name, deny, permit)
            assert may_edit(place / name, edits(f"{place}/tools/other", verdict="deny"), permit)
            command = replace(edited(os.fsencode(place / name)), run_as=requested().command.run_as)
            waiting = replace(requested(who=ALICE), command=command)
            again = look_again(Policy((permit, deny), "permit", ""), waiting, ALICE, (), moment(), nothing())
            assert isinstance(again, Deny) and again.rule == "deny"
            again = look_again(Policy((permit,), "permit", ""), waiting, ALICE, (), moment(), nothing())
            assert isinstance(again, Permit) or again.why is Why.ERROR, "the file is another one"
        assert not may_edit(place / "mounted/conf", edits(f"{place}/tools/conf")), "a permit is for its own name alone"
    finally:
        (place / "tools/conf").unlink()
        (place / "theirs/conflink").unlink()


@OF_ROOT
def test_of_several_files_a_provider_is_told_where_they_are_and_not_by_which_link_they_were_named(place: Path) -> None:
    """THREATS R-40: as of one file. By the names of a link, what is judged would be another path than what is written."""
    for name in ("conf", "conf2"):
        (place / "tools" / name).write_text("old\n")
    paths = [os.fsencode(place / "tools" / name) for name in ("conf", "conf2")]
    told: list[tuple[bytes, ...]] = []

    def argv(name: str, about: Question) -> tuple[bytes, ...]:
        return about.command.argv

    try:
        names = {**KNOWN, "fact.risk": Name("int", "provider risk", "the risk")}
        risky = replace(edits(f"{place}/tools/*"), when=compile_when("fact.risk < 50", names))
        typed = tuple(path.replace(b"/tools/", b"/way/") for path in paths)
        texts, bases = (b"new\n",) * 2, (b"",) * 2
        asked = replace(ASKED, argv=(SUDOEDIT, *typed), text=b"".join(texts), texts=texts, bases=bases)
        policy, knowledge = Policy((risky,), "permit", ""), Knowledge(lambda names, about: {}, argv)
        while True:
            try:
                sighting = look(policy, asked, ALICE, "host", "jitsudo", "/usr/bin", (), moment(), knowledge)
                break
            except Wanted as wanted:
                told.append(wanted.about.command.argv)
                knowledge.hear(wanted, {"fact.risk": 40 if wanted.about.command.argv[1:] == typed else 90})
        assert isinstance(sighting.decision, Deny) and sighting.decision.why is Why.NO_RULE, sighting
        assert told == [(SUDOEDIT, *typed), (SUDOEDIT, *paths)]
    finally:
        for name in ("conf", "conf2"):
            (place / "tools" / name).unlink()


@OF_ROOT
@pytest.mark.parametrize("path", [*BY_MOUNT, "tools/link", "theirs/tolink", "theirs/tohard"])
def test_a_mask_holds_for_the_file_by_whatever_name(place: Path, mounted: Path, path: str) -> None:
    """THREATS L-12."""
    masking = replace(rule(place, "permit", path, "**"), who=("user:bob",), masks=(read_mask("-p *"),))
    for name in ("tools/tool", "way/tool", "tools/link", "theirs/link", "theirs/tolink", "mounted/tool", "mounted file"):
        asked, policy = replace(ASKED, argv=(os.fsencode(place / name), b"-p", b"secret")), Policy((masking, ANY), "permit", "")
        sighting = look(policy, asked, ALICE, "host", "jitsudo", "/usr/bin", (), moment(), nothing())
        assert isinstance(sighting.decision, Permit) and sighting.decision.rule == "any"
        locked = unopened(policy, asked, ALICE, "jitsudo", "/usr/bin", Deny(Why.LOCKED, "locked"))
        for seen in (sighting, locked):
            assert masked_places(policy, seen.command, is_found=seen.is_found, names=seen.names) == ((2, 0),), name
    for other in ("theirs/copy", "tools/other") if "*" not in path else ():
        another = replace(asked, argv=(os.fsencode(place / other), *asked.argv[1:]))
        sighting = look(policy, another, ALICE, "host", "jitsudo", "/usr/bin", (), moment(), nothing())
        assert masked_places(policy, sighting.command, names=sighting.names) == ()


@OF_ROOT
def test_a_look_for_a_grade_knows_mounts_and_the_hard_links_of_programs(place: Path, mounted: Path) -> None:
    """THREATS R-20."""
    shutil.copy(place / "tools/other", "/usr/local/bin/named-tool")
    os.link("/usr/local/bin/named-tool", "/usr/local/named-tool")
    try:
        seen = RequesterLook(requested().command, ALICE, ())
        for path, other in (
            ("/usr/local/named-tool", "/usr/local/bin/named-tool"),
            (f"{mounted}/other", f"{place}/tools/other"),
            (f"{place}/way/other", f"{mounted}/other"),
            (f"{mounted}", f"{place}/tools"),
        ):
            found = seen(path)
            assert found is not None and other in found.others, path
        alone = seen(f"{place}/theirs/copy")
        assert alone is not None and alone.others == ()
    finally:
        os.unlink("/usr/local/named-tool")
        os.unlink("/usr/local/bin/named-tool")


# --- what it is called -----------------------------------------------------------------------------------------------

CALLED = {
    "by a path": ("jitsudo", "{place}/tools/tool", "{place}/tools/tool"),
    "by a path through a link": ("jitsudo", "{place}/way/tool", "{place}/tools/tool"),
    "by a path with dots": ("jitsudo", "{place}/theirs/../way/./tool", "{place}/tools/tool"),
    "by a relative path": ("jitsudo", "way/tool", "{place}/tools/tool"),
    "by a last link": ("jitsudo", "way/link", "{place}/tools/link"),
    "by a last link of somebody's": ("jitsudo", "theirs/tolink", "{place}/theirs/tolink"),
    "by a name": ("jitsudo", "true", "true"),
    "by what sudo runs": ("sudo", "{place}/way/tool", "{place}/way/tool"),
    "by what doas runs": ("doas", "way/tool", "way/tool"),
}


@pytest.mark.parametrize("how", CALLED)
def test_what_a_command_is_called(place: Path, how: str) -> None:
    """THREATS R-15: where jitd runs it, by the path that was resolved; where another program does, by what that is told."""
    service, typed, called = CALLED[how]
    argv = (typed.format(place=place).encode(), b"x")
    found = find(replace(ASKED, argv=argv, cwd=os.fsencode(place)), ALICE, service, "/usr/bin", lambda found: True)
    assert found.command.argv == (called.format(place=place).encode(), b"x")
    assert os.path.realpath(found.command.path) == found.command.path or b"link" in found.command.path


def test_a_login_shell_is_called_as_one(place: Path) -> None:
    """THREATS R-15."""
    found = find(replace(ASKED, argv=(b"-c", b"x"), user="root", login=True), ALICE, "jitsudo", "/usr/bin", lambda found: True)
    assert found.command.argv[0] == b"-" + os.path.basename(found.command.path) and found.command.argv[1:] == (b"-c", b"x")
