# SPDX-License-Identifier: Apache-2.0
"""The five kinds of working directories that are trouble: served by others, kept from root, removed, unreadable, looped.

A network file system of the kernel's (NFS) is not to be had in every kernel; what it does to us is done here by FUSE: it keeps
root out, as a server does that squashes root, and it falls silent, as one that is gone.
"""

from __future__ import annotations

import grp
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.system.conftest import House, house_with
from tests.system.filesystem import TEXT, Served
from tests.system.prompt import AT_ONCE
from tests.waiting import PATIENCE, wait_for

ALICE = 4001
PLACE = Path("/srv/directories")
OWED = """
[[permit]]
name = "owed"
who = ["user:alice"]
run_as = ["*"]
commands = [
    ["/usr/bin/pwd"], ["/usr/bin/readlink", "**"], ["/usr/bin/cat", "**"], ["/usr/bin/env", "pwd"], ["/usr/bin/sh", "-c", "*"],
]
approvals = [{ need = 1, from = ["group:ops"] }]

[[permit]]
name = "carols"
who = ["user:carol"]
commands = [["/usr/bin/true"]]
"""
NOT_ENTERED = "jitsudo: the working directory cannot be entered: Permission denied\n"
ANOTHER = "jitsudo: the working directory is not the approved one\n"
GONE = "jitsudo: the working directory cannot be entered: No such file or directory\n"


def closed(place: Path, user: str = "root") -> str:
    return f"jitsudo: {user} may not enter the working directory {place}\n"


at_once = house_with(AT_ONCE)


owed = house_with(OWED)


@pytest.fixture
def place() -> Iterator[Path]:
    PLACE.mkdir()
    os.chown(PLACE, ALICE, ALICE)
    yield PLACE
    shutil.rmtree(PLACE, ignore_errors=True)


@pytest.fixture
def serve(place: Path) -> Iterator[Callable[[bool], Served]]:
    made: list[Served] = []

    def start(for_all: bool) -> Served:
        made.append(Served(place / "served", ALICE, for_all=for_all))
        return made[-1]

    yield start
    for one in made:
        one.close()


def from_within(house: House, directory: Path, *words: str, before: str = "true") -> subprocess.CompletedProcess[str]:
    """``jitsudo words`` as alice, whose shell has gone there and has then done what stands ``before``."""
    return house.run("alice", "sh", "-c", f'cd "$1" && {before}; shift; exec jitsudo "$@"', "sh", str(directory), *words)


# --- served by somebody ------------------------------------------------------------------------------------------------


def test_a_directory_that_is_served_to_everybody_is_one_like_others(at_once: House, serve: Callable[[bool], Served]) -> None:
    """THREATS X-10."""
    served = serve(True)
    done = from_within(at_once, served.place / "d", "pwd")
    assert (done.returncode, done.stdout) == (0, f"{served.place}/d\n"), done.stderr
    assert from_within(at_once, served.place, "-u", "bob", "cat", "f").stdout == TEXT.decode()


def test_a_directory_that_is_kept_from_root_is_126_for_root_and_open_to_its_owner(
    at_once: House, serve: Callable[[bool], Served]
) -> None:
    """THREATS X-10: as of a server that squashes root: it is not entered, and nothing runs elsewhere instead."""
    served = serve(False)
    with pytest.raises(PermissionError):
        served.place.stat()
    for words in (("pwd",), ("-D", str(served.place), "pwd")):
        done = from_within(at_once, served.place / "d", *words)
        assert (done.returncode, done.stdout, done.stderr) == (126, "", closed(served.place)), words
    done = from_within(at_once, served.place / "d", "-u", "bob", "pwd")
    assert (done.returncode, done.stdout, done.stderr) == (126, "", closed(served.place, "bob"))
    done = from_within(at_once, served.place / "d", "-u", "alice", "pwd")
    assert (done.returncode, done.stdout) == (0, f"{served.place}/d\n"), done.stderr
    assert from_within(at_once, served.place / "d", "-D", "/", "pwd").stdout == "/\n"


def test_a_directory_that_is_kept_from_root_is_named_before_anybody_is_asked(
    owed: House, serve: Callable[[bool], Served]
) -> None:
    """THREATS X-10."""
    served = serve(False)
    before = owed.at_rest().records()
    done = from_within(owed, served.place, "pwd")
    assert (done.returncode, done.stdout, done.stderr) == (126, "", closed(served.place))
    assert owed.at_rest().records() == before, "nothing was submitted"


def test_a_directory_that_another_account_may_not_enter_is_named_before_anybody_is_asked(
    owed: House, serve: Callable[[bool], Served], place: Path
) -> None:
    """THREATS X-10."""
    served = serve(False)
    (place / "own").mkdir(mode=0o700)
    os.chown(place / "own", ALICE, ALICE)
    before = owed.at_rest().records()
    done = from_within(owed, served.place / "d", "-u", "bob", "pwd")
    assert (done.returncode, done.stdout, done.stderr) == (126, "", closed(served.place, "bob"))
    done = from_within(owed, Path("/"), "-u", "bob", "-D", str(place / "own"), "pwd")
    assert (done.returncode, done.stdout, done.stderr) == (126, "", closed(place / "own", "bob"))
    assert owed.at_rest().records() == before, "nothing was submitted"


@pytest.mark.parametrize("case", ["where one stands", "by a group"])
def test_a_directory_that_another_account_gets_into_is_asked_for(owed: House, place: Path, case: str) -> None:
    """THREATS X-10, the honest use."""
    own = place / "own"
    own.mkdir()
    own.chmod(0o710 if case == "by a group" else 0o700)
    os.chown(own, ALICE, grp.getgrnam("ops").gr_gid)
    words = ["-D", str(own)] if case == "by a group" else []
    asked = owed.ask("alice", "-u", "bob", *words, "readlink", "/proc/self/cwd", cwd="/" if words else str(own))
    owed.approved(asked.id)
    assert (asked.end(), asked.out) == (0, f"{own}\n"), asked.err


def test_what_is_closed_to_another_account_is_not_told_to_whoever_cannot_see_it(owed: House, place: Path) -> None:
    """THREATS X-10, S-11: alice learns the mode of what she sees, and of what is beyond it no more than by asking."""
    for each in (place / "roots", place / "roots/below"):
        each.mkdir(mode=0o711)
        each.chmod(0o711)
    (place / "roots/below").chmod(0o700)
    done = from_within(owed, Path("/"), "-u", "bob", "-D", str(place / "roots/below"), "pwd")
    assert (done.returncode, done.stderr) == (126, closed(place / "roots/below", "bob"))
    (place / "roots").chmod(0o700)
    subprocess.run(["chgrp", "ops", str(place / "roots")], check=True)
    (place / "roots").chmod(0o710)  # bob's group gets in, and alice does not
    asked = owed.ask("alice", "-u", "bob", "-D", str(place / "roots/below"), "pwd")
    owed.approved(asked.id)
    assert asked.end() == 126 and NOT_ENTERED in asked.err


def test_a_rule_may_run_its_commands_in_the_root_directory_instead(place: Path, serve: Callable[[bool], Served]) -> None:
    """THREATS X-10: the honest use, where the command needs no directory."""
    served = serve(False)
    house = House(AT_ONCE.replace('cwd = "caller"', 'cwd = "/"')).start()
    try:
        done = from_within(house, served.place / "d", "pwd")
        assert (done.returncode, done.stdout, done.stderr) == (0, "/\n", "")
    finally:
        house.verify()
        house.close()


@pytest.mark.parametrize("typed", ["./f", "../served/f", "PLACE/f", "PLACE/d/x"])
@pytest.mark.parametrize("run_as", ["root", "alice"])
def test_a_command_that_is_kept_from_root_is_one_that_cannot_be_examined(
    at_once: House, serve: Callable[[bool], Served], typed: str, run_as: str
) -> None:
    """THREATS X-10: no word that a rule is missing."""
    served = serve(False)
    typed = typed.replace("PLACE", str(served.place))
    before = at_once.at_rest().records()
    done = from_within(at_once, served.place, "-u", run_as, typed)
    said = f"jitsudo: {typed}: root may not search {served.place}, so jitd cannot examine the command's file\n"
    assert (done.returncode, done.stdout, done.stderr) == (126, "", said)
    assert at_once.at_rest().records() == before


def test_what_is_kept_from_root_is_not_told_to_others(at_once: House, serve: Callable[[bool], Served], place: Path) -> None:
    """THREATS S-11: bob may not search the directory above it."""
    at_once.set_policy(AT_ONCE.replace("principal:alice@EXAMPLE.TEST", "user:bob").replace("anything", "bobs"), "60-bob.toml")
    at_once.jitd("reload")
    served = serve(False)
    place.chmod(0o700)
    done = at_once.sudo("bob", f"{served.place}/f")
    nothing = at_once.sudo("bob", f"{place}/nothing/f")
    assert done.returncode == nothing.returncode == 121
    assert done.stderr == nothing.stderr
    assert str(served.place) not in done.stderr


def test_a_server_that_falls_silent_holds_up_its_own_people_alone_and_not_for_ever(
    owed: House, serve: Callable[[bool], Served]
) -> None:
    """THREATS X-10: what waits for it is given up, is killed, and leaves no run behind."""
    served = serve(True)
    within = owed.ask("alice", "pwd", cwd=str(served.place / "d"))
    reading = owed.ask("alice", "cat", "f", cwd=str(served.place))
    ids = within.id, reading.id
    served.fall_silent()
    owed.approved(ids[0])
    late = owed.approve(ids[1])  # its operand would have to be looked at again; who opened the page has found out
    assert late.returncode == 125 and f"{served.place} does not answer" in late.stderr
    more = [owed.ask("alice", "-n", "cat", str(served.place / "f"), str(n)) for n in range(4)]
    n_served = 0
    for _ in range(5):
        assert owed.sudo("carol", "true").returncode == 0
        n_served += within.process.poll() is None
    assert n_served > 0, "while it is still waited for"
    assert {one.end() for one in more} == {125}
    assert within.end() == 126
    assert within.out == "" and "could not be examined within 30 s" in within.err
    wait_for(lambda: not owed.kept("runs"), what="the end of the run")
    assert owed.show(ids[1])["state"] == "pending"
    served.close = lambda: None  # type: ignore[method-assign]
    Served.close(served)
    assert owed.approve(ids[1]).returncode != 0, "what was approved cannot be looked at any more"
    assert owed.sudo("alice", "-n", "pwd").returncode == 118, "alice is served again"


def test_a_grade_waits_for_no_server_that_has_fallen_silent(owed: House, serve: Callable[[bool], Served]) -> None:
    """THREATS O-09: neither who asks nor who reviews waits long; what is not looked at is judged by its name."""
    served = serve(True)
    text = f"echo x > {served.place}/f"
    before = owed.ask("alice", "sh", "-c", text)
    assert owed.show(before.id)["grade"] != "harmless"
    served.fall_silent()
    after = [owed.ask("alice", "sh", "-c", text + " " * n) for n in range(1, 4)]
    for one in (before, *after):
        assert owed.jitd("show", one.id, who="bob").returncode == 0
        row = owed.show(one.id)
        assert row["state"] == "pending" and row["grade"] != "harmless"
        owed.deny(one.id)
        assert one.end() == 122


# --- removed ---------------------------------------------------------------------------------------------------------------


def test_a_directory_that_is_gone_is_asked_for_as_the_root_directory_and_said(owed: House, place: Path) -> None:
    """THREATS X-10."""
    (place / "d").mkdir()
    os.chown(place / "d", ALICE, ALICE)
    asked = subprocess.Popen(
        owed.line("alice", "sh", "-c", 'cd "$1" && rmdir "$1"; exec jitsudo pwd', "sh", str(place / "d")),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/",
    )  # fmt: skip
    (waiting,) = wait_for(lambda: [each for each in owed.kept("requests") if each.command.argv == (b"pwd",)], what="a request")
    assert owed.show(waiting.id)["cwd"] == "/", "the approver sees where it would run"
    owed.approved(waiting.id)
    out, err = asked.communicate(timeout=PATIENCE)
    assert (asked.returncode, out) == (0, "/\n")
    assert "jitsudo: the working directory is gone, or cannot be named; asking to run in /\n" in err


@pytest.mark.parametrize(("then", "said"), [("nothing", GONE), ("another", ANOTHER), ("a link to another", ANOTHER)])
def test_a_directory_that_is_removed_while_it_waits_is_126(owed: House, place: Path, then: str, said: str) -> None:
    """THREATS X-10."""
    (place / "d").mkdir()
    asked = owed.ask("alice", "pwd", cwd=str(place / "d"))
    id = asked.id
    (place / "d").rename(place / "old")  # kept, so that its inode is not given to the next
    if then == "another":
        (place / "d").mkdir()
    elif then != "nothing":
        (place / "d").symlink_to("/root")
    owed.approved(id)
    assert asked.end() == 126
    assert asked.out == "" and said in asked.err


# --- unreadable -------------------------------------------------------------------------------------------------------------


def test_a_directory_that_nobody_may_search_any_more_is_inherited_as_from_sudo(at_once: House, place: Path) -> None:
    """THREATS X-10."""
    (place / "d").mkdir(mode=0o755)
    (place / "d").chmod(0o755)
    os.chown(place / "d", ALICE, ALICE)
    for run_as in ("root", "bob"):
        done = from_within(at_once, place / "d", "-u", run_as, "readlink", "/proc/self/cwd", before='chmod 000 "$1"')
        assert (done.returncode, done.stdout) == (0, f"{place}/d\n"), (run_as, done.stderr)
        (place / "d").chmod(0o755)


def test_a_directory_that_one_names_and_may_not_enter_is_entered_where_the_account_may(at_once: House, place: Path) -> None:
    (place / "d").mkdir(mode=0o700)
    (place / "d/below").mkdir()
    assert from_within(at_once, Path("/"), "-D", str(place / "d/below"), "pwd").stdout == f"{place}/d/below\n"
    done = from_within(at_once, Path("/"), "-D", str(place / "d/gone"), "pwd")
    assert done.returncode == 126 and done.stdout == ""


# --- looped -----------------------------------------------------------------------------------------------------------------


def test_a_directory_by_links_that_lead_in_a_circle_is_no_directory(at_once: House, place: Path) -> None:
    """THREATS X-10."""
    (place / "one").symlink_to("two")
    (place / "two").symlink_to("one")
    before = at_once.at_rest().records()
    done = from_within(at_once, Path("/"), "-D", str(place / "one"), "pwd")
    assert (done.returncode, done.stdout) == (120, "")
    assert done.stderr == f"jitsudo: -D {place}/one: Too many levels of symbolic links; nothing was asked\n"
    assert at_once.records() == before


def test_a_directory_that_is_mounted_within_itself_is_the_one_where_the_caller_stands(at_once: House, place: Path) -> None:
    """THREATS X-10: the same device and inode at every depth: the path that was approved is where it runs."""
    (place / "loop/within").mkdir(parents=True)
    for directory in (place / "loop", place / "loop/within"):
        directory.chmod(0o755)
    subprocess.run(["mount", "--bind", str(place / "loop"), str(place / "loop/within")], check=True)
    try:
        done = from_within(at_once, place / "loop/within/within", "pwd")
        assert (done.returncode, done.stdout) == (0, f"{place}/loop/within/within\n"), done.stderr
    finally:
        subprocess.run(["umount", str(place / "loop/within")], check=True)


def test_a_directory_whose_path_is_too_long_to_be_named_is_asked_for_as_the_root_directory(at_once: House, place: Path) -> None:
    """THREATS X-10."""
    script = 'cd "$1"; for n in $(seq 60); do d=$(printf "%0100d" $n); mkdir $d && cd -P $d; done 2>/dev/null; exec jitsudo pwd'
    done = at_once.run("alice", "bash", "-c", script, "bash", str(place))
    assert (done.returncode, done.stdout) == (0, "/\n")
    assert done.stderr == "jitsudo: the working directory is gone, or cannot be named; asking to run in /\n"
