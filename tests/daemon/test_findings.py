# SPDX-License-Identifier: Apache-2.0
"""What is seen of the files on which a grade depends: what the requester sees, and who can change it. On real directories."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from jitd.core.command import Command, Interpreter, Operand
from jitd.core.grade import Finding, Grade, Look, NotLooked, Seen, worst
from jitd.core.script import Script
from jitd.deciding import accounts, findings
from jitd.deciding.findings import Findings, RequesterLook
from jitd.deciding.scripts import Scripts
from jitd.files.glance import MOST_NAMES
from jitd.files.silence import Silent
from tests.graders import FINDINGS, Said
from tests.scene import command, person
from tests.waiting import PATIENCE

ALICE, BOB = 61001, 61002
NAMES = {0: "root", ALICE: "alice", BOB: "bob"}
STAFF, DBA = 61011, 61012
"""Groups: alice is in the second."""


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory that everybody can look into, on a host with the accounts of NAMES."""
    real = pwd.getpwuid

    def account(uid: int) -> Any:
        if uid not in NAMES:
            raise KeyError(uid)
        return pwd.struct_passwd((NAMES[uid], *real(0)[1:]))

    monkeypatch.setattr(findings, "WITHIN", PATIENCE)
    monkeypatch.setattr(findings.pwd, "getpwuid", account)
    monkeypatch.setattr(
        findings.groups, "numbered", lambda gid: None if gid == DBA else findings.groups.Group(f"g{gid}", gid, ())
    )
    monkeypatch.setattr(findings.accounts, "group_ids", lambda user, gid: (gid, DBA))
    made = Path(tempfile.mkdtemp(dir="/var/lib"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def look(of: Command | None = None) -> RequesterLook:
    return RequesterLook(of or command("true"), person("alice", uid=ALICE, gid=ALICE), ())


def made(path: Path, uid: int = 0, mode: int = 0o644, gid: int = 0) -> Path:
    """A file, or a directory if the name ends so."""
    if path.name.endswith(".d"):
        path.mkdir()
    else:
        path.write_text("x")
    os.chown(path, uid, gid)
    path.chmod(mode)
    return path


def listed(path: Path, *entries: tuple[int, int, int]) -> Path:
    """Give ``path`` an access list (acl(5)) with ``entries``: tag, permissions, id."""
    whole = ((1, 6, -1), *entries, (4, 4, -1), (16, 7, -1), (32, 4, -1))
    raw = b"\x02\0\0\0" + b"".join(
        tag.to_bytes(2, "little") + perm.to_bytes(2, "little") + (number & 0xFFFFFFFF).to_bytes(4, "little")
        for tag, perm, number in sorted(whole)
    )
    os.setxattr(path, "system.posix_acl_access", raw)
    return path


CHANGED: list[tuple[str, Callable[[Path], Path], str]] = [
    ("root's alone", lambda at: made(at / "x"), ""),
    ("the requester's", lambda at: made(at / "x", ALICE), "alice, who asks"),
    ("another's", lambda at: made(at / "x", BOB), "bob"),
    ("nobody's that has a name", lambda at: made(at / "x", 61999), "#61999"),
    ("a group's", lambda at: made(at / "x", mode=0o664, gid=STAFF), "members of group g61011"),
    (
        "a group's, of whom is the requester",
        lambda at: made(at / "x", mode=0o664, gid=DBA),
        f"alice, who asks and members of group #{DBA}",
    ),
    ("everybody's", lambda at: made(at / "x", ALICE, mode=0o666), "everybody"),
    ("in a directory of the requester", lambda at: made(made(at / "a.d", ALICE, 0o755) / "x"), "alice, who asks"),
    (
        "in a directory of hers, and another's",
        lambda at: made(made(at / "a.d", ALICE, 0o755) / "x", BOB),
        "alice, who asks and bob",
    ),
    ("root's where all may write, and nobody may remove it", lambda at: made(made(at / "t.d", mode=0o1777) / "x"), ""),
    ("the requester's by an access list", lambda at: listed(made(at / "x"), (2, 6, ALICE)), "alice, who asks"),
    ("a group's by an access list", lambda at: listed(made(at / "x"), (8, 6, STAFF)), "members of group g61011"),
    (
        "the requester's, and of her own group",
        lambda at: made(at / "x", ALICE, 0o664, 61011),
        "alice, who asks and members of group g61011",
    ),
]


@pytest.mark.parametrize(("make", "who"), [row[1:] for row in CHANGED], ids=[row[0] for row in CHANGED])
def test_who_can_change_a_file_is_named(place: Path, make: Callable[[Path], Path], who: str) -> None:
    path = make(place)
    seen = look()(str(path))
    assert seen is not None and seen.changed_by == who
    assert seen.real == str(path) and not seen.is_absent and not seen.is_directory
    assert seen.owner == NAMES.get(path.stat().st_uid, "#61999")


def test_a_group_that_has_the_power_of_root_anyway_is_not_named(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings.groups, "numbered", lambda gid: findings.groups.Group("disk", gid, ()))
    others, own = made(place / "x", mode=0o664, gid=STAFF), made(place / "y", mode=0o664, gid=DBA)
    seen = look()(str(others))
    assert seen is not None and seen.changed_by == ""
    hers = look()(str(own))
    assert hers is not None and hers.changed_by == "alice, who asks", "she is a member"


def test_many_who_can_change_it_are_not_all_named(place: Path) -> None:
    path = listed(made(place / "x", BOB), *((2, 6, 61100 + number) for number in range(9)), (2, 6, ALICE))
    seen = look()(str(path))
    assert seen is not None and seen.changed_by.startswith("alice, who asks and bob and ")
    assert seen.changed_by.endswith(" and others") and seen.changed_by.count(" and ") == findings.MOST_NAMES


def test_a_link_leads_to_what_it_leads_to_and_belongs_to_who_can_point_it_elsewhere(place: Path) -> None:
    """THREATS R-20."""
    target, own = made(place / "x"), made(place / "a.d", ALICE, 0o755)
    for link in (place / "roots", own / "hers"):
        link.symlink_to(target)
    roots, hers = look()(str(place / "roots")), look()(f"{own}/../a.d/hers")
    assert roots == Seen(str(target), owner="root")
    assert hers == Seen(str(target), owner="root", changed_by="alice, who asks")
    (own / "gone").symlink_to(place / "y")
    assert look()(str(own / "gone")) == Seen(str(place / "y"), is_absent=True, changed_by="alice, who asks")


def test_what_is_not_there_can_be_made_by_who_can_change_the_directory(place: Path) -> None:
    own = made(place / "a.d", ALICE, 0o755)
    assert look()(str(place / "x")) == Seen(str(place / "x"), is_absent=True)
    assert look()(str(own / "x")) == Seen(str(own / "x"), is_absent=True, changed_by="alice, who asks")
    assert look()(str(own / "x/y")) == Seen(str(own / "x/y"), is_absent=True, changed_by="alice, who asks")
    assert look()(str(own)) == Seen(str(own), is_directory=True, owner="alice", changed_by="alice, who asks")


@pytest.mark.parametrize("name", ["there", "absent", "bobs", "all.d", "out", "../secret.d/there", "all.d/below"])
@pytest.mark.parametrize("by", ["its path", "a link", "a directory's link"])
def test_what_the_requester_cannot_see_is_not_looked_at(place: Path, name: str, by: str) -> None:
    """THREATS S-20: whatever is there, the answer is that nobody looked."""
    secret = made(place / "secret.d", mode=0o700)
    made(secret / "there")
    made(secret / "bobs", BOB, 0o666)
    made(made(secret / "all.d", mode=0o777) / "below", ALICE)
    (secret / "out").symlink_to("/etc/passwd")
    (place / "link").symlink_to(secret / name)
    (place / "way").symlink_to(secret)
    asked = {"its path": secret / name, "a link": place / "link", "a directory's link": place / "way" / name}[by]
    assert look()(str(asked)) is None
    secret.chmod(0o711)
    assert look()(str(asked)) is not None, "what she can see is looked at"


@pytest.mark.parametrize("path", ["", "x", "./x", "/proc/1/root/etc", "/proc/self/exe", "/x\0y", "/" + "x" * 300])
def test_a_path_that_means_nothing_for_certain_is_not_looked_at(place: Path, path: str) -> None:
    seen = look()(path)
    assert seen is None or (len(path) > 255 and seen.is_absent)


def test_a_link_that_leads_in_a_circle_is_not_looked_at(place: Path) -> None:
    (place / "a").symlink_to(place / "b")
    (place / "b").symlink_to(place / "a")
    assert look()(str(place / "a")) is None


def test_looks_are_bounded_in_number_and_in_time(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    eyes = look()
    assert all(eyes(str(place)) for _ in range(findings.MOST_LOOKS))
    late = look()
    assert late(str(place)) is not None
    monkeypatch.setattr(findings.time, "monotonic", lambda: float("inf"))
    for ended in (eyes, late):
        with pytest.raises(NotLooked):
            ended(str(place))


def test_a_file_system_that_does_not_answer_is_not_looked_at(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS O-09."""

    def approach(paths: tuple[bytes, ...]) -> None:
        if paths[0].startswith(b"/mnt"):
            raise Silent("/mnt does not answer")

    monkeypatch.setattr(findings.MOUNTS, "approach", approach, raising=False)
    eyes = look()
    with pytest.raises(NotLooked):
        eyes("/mnt/x")
    assert eyes(str(place)) is not None


def test_the_directory_of_a_command_that_runs_as_another_account_is_that_accounts_own(place: Path) -> None:
    path = made(place / "x", BOB)
    of_bob = command("true", run_as=findings.accounts.RunAs("bob", BOB, "bob", BOB))
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patched:
        patched.setattr(findings.accounts, "trusted_uid", lambda run_as: run_as.uid)
        seen = look(of_bob)(str(path))
    assert seen is not None and (seen.owner, seen.changed_by) == ("bob", "")


@pytest.mark.parametrize("inner", ["x", "in.d/x", "../a.d/x"])
def test_what_a_requester_has_closed_to_herself_is_still_hers_to_open(place: Path, inner: str) -> None:
    """THREATS R-20: root goes through the directory that she has closed. Nothing is told of what is in it."""
    own = made(place / "a.d", ALICE, 0o755)
    made(made(own / "in.d", ALICE, 0o755) / "x", ALICE)
    (own / "x").symlink_to("/etc/sudoers")
    own.chmod(0)
    path = f"{own}/{inner}"
    assert look()(path) == Seen(path, changed_by="alice, who asks", is_hidden=True)
    for program, least in (("tee", Grade.GIVES), ("bash", Grade.GIVES), ("cat", Grade.READS)):
        found = FINDINGS.on_this_host(command(program, path), person("alice", uid=ALICE, gid=ALICE))
        assert worst(found) is least, (program, found)


def test_a_circle_of_links_belongs_to_who_can_make_it_lead_somewhere(place: Path) -> None:
    """THREATS R-20."""
    own = made(place / "a.d", ALICE, 0o755)
    (own / "circle").symlink_to("circle")
    (own / "itself").symlink_to("/proc/self/root/etc")
    for name in ("circle", "itself/sudoers"):
        found = FINDINGS.on_this_host(command("bash", f"{own}/{name}"), person("alice", uid=ALICE, gid=ALICE))
        assert worst(found) is Grade.GIVES, (name, found)


@pytest.mark.parametrize(
    ("mode", "grade"), [(0o777, Grade.GIVES), (0o775, Grade.GIVES), (0o755, Grade.GIVES), (0o1777, Grade.GIVES)]
)
def test_a_directory_that_the_requester_shares_with_others_is_still_hers(place: Path, mode: int, grade: Grade) -> None:
    """THREATS R-20: whoever else could make a link there, she can."""
    own = made(place / "a.d", ALICE, mode, STAFF)
    asked = command("tee", f"{own}/new")
    assert worst(FINDINGS.on_this_host(asked, person("alice", uid=ALICE, gid=ALICE))) is grade


def test_the_directory_above_is_above_the_one_to_which_a_link_leads(place: Path) -> None:
    """THREATS R-20."""
    (place / "way").symlink_to("/etc/ssh")
    (place / "deep.d").mkdir()
    who = person("alice", uid=ALICE, gid=ALICE)
    up = ("/way/../sudoers", "/deep.d/../way/.././sudoers", "/way/..//ssh/../sudoers", "/way/../../etc/sudoers")
    texts = (f"echo x > {place}{path}" for path in up)
    lines = [*(("tee", f"{place}{path}") for path in up), *(("bash", "-c", text) for text in texts)]
    lines += [("bash", "-c", text) for text in (f"cd {place}/way; tee ../sudoers", f"cd -P {place}/way/..; tee sudoers")]
    for line in lines:
        found = FINDINGS.on_this_host(command(*line), who)
        assert worst(found) is Grade.GIVES, (line, found)
    for line in (("tee", f"{place}/deep.d/../new"), ("bash", "-c", f"cd {place}/deep.d/..; tee new")):
        assert worst(FINDINGS.on_this_host(command(*line), who)) is Grade.HARMLESS, line
    (place / "fd").symlink_to("/proc/self/fd")  # as /dev/fd is
    assert FINDINGS.on_this_host(command("cat", f"{place}/fd/../root/etc/hosts"), who)[0].grade is Grade.GIVES


def test_after_the_last_look_nothing_is_known(place: Path) -> None:
    """THREATS R-20: so many words before it do not hide a link, and many files that nobody can lead elsewhere are no worse."""
    own = made(place / "a.d", ALICE, 0o755)
    (own / "link").symlink_to("/etc/sudoers")
    many = [str(place / f"x{number}") for number in range(100)]
    who = person("alice", uid=ALICE, gid=ALICE)
    assert worst(FINDINGS.on_this_host(command("tee", *many, str(own / "link")), who)) is Grade.GIVES
    assert worst(FINDINGS.on_this_host(command("cat", *many, str(own / "link")), who)) is Grade.READS
    assert worst(FINDINGS.on_this_host(command("tee", *many), who)) is Grade.CHANGES


def test_files_that_do_not_answer_are_graded_as_the_worst() -> None:
    """THREATS R-20."""
    assert worst(FINDINGS.without_answer(command("tee", "/srv/x/y"), "alice")) is Grade.GIVES
    assert worst(FINDINGS.without_answer(command("systemctl", "status", "cron"), "alice")) is Grade.HARMLESS


def test_the_texts_are_bounded_and_their_bytes_can_be_restored() -> None:
    def found(of: Command, see: Look, requester: str) -> tuple[Finding, ...]:
        return tuple(Finding(Grade.READS, f"{number}\udcff\\", "/" + "x" * 5000, "m") for number in range(50))

    told_of = Findings(Said(found))
    stored = told_of.of_words(command("true"), "alice")
    assert len(stored) == findings.MOST and stored[0].what == "0\\xff\\\\"
    assert all(len(one.path) == findings.LONGEST and one.path.endswith("…") for one in stored)


def test_a_judgement_that_fails_is_graded_as_the_worst() -> None:
    def fails(of: Command, see: Look, requester: str) -> tuple[Finding, ...]:
        raise RecursionError

    told_of = Findings(Said(fails))
    for stored in (told_of.of_words(command("true"), "alice"), told_of.on_this_host(command("true"), person("alice"))):
        assert [one.grade for one in stored] == [Grade.GIVES] and "RecursionError" in stored[0].what


def test_of_two_looks_the_worst_of_both_is_told() -> None:
    """An approver reads what was there when it was asked for, and what is there now."""
    low, high = Finding(Grade.UNKNOWN, "a"), Finding(Grade.GIVES, "b")
    assert findings.worst_of((low,), (high, low)) == findings.worst_of((high,), (low,)) == (high, low)
    assert findings.worst_of((), ()) == ()
    many = [tuple(Finding(Grade.GIVES, f"{look} {number}") for number in range(findings.MOST)) for look in "ab"]
    assert findings.worst_of(*many, (low,)) == (*many[0], *many[1], low), "and none of what was recorded is left out"


def test_an_interpreter_that_the_requester_cannot_read_is_in_no_finding() -> None:
    """THREATS S-20: its row is for approvers alone, and findings are for the requester, too."""
    judged = list[Command]()

    def found(of: Command, see: Look, requester: str) -> tuple[Finding, ...]:
        judged.append(of)
        return ()

    told_of = Findings(Said(found))
    hers, hidden = (Interpreter(path, b"d" * 32, "may be written by bob", is_told=path == b"/x") for path in (b"/x", b"/y"))
    told_of.on_this_host(command("true", interpreters=(hers, hidden)), person("alice"))
    told_of.of_words(command("true", interpreters=(hers, hidden)), "alice")
    assert [one.interpreters for one in judged] == [(hers,), (hers,)]


def test_a_finding_about_a_link_names_the_file_to_which_it_leads(place: Path) -> None:
    """THREATS R-20."""
    (place / "link").symlink_to("/etc/passwd")
    named = [str(place / "link"), "/nowhere/at/all", str(place)]

    def found(of: Command, see: Look, requester: str) -> tuple[Finding, ...]:
        return tuple(Finding(Grade.GIVES, "x", path) for path in named if see(path) or True)

    told_of = Findings(Said(found))
    told = told_of.on_this_host(command("true"), person("alice", uid=ALICE, gid=ALICE))
    assert [one.path for one in told] == ["/etc/passwd", *named[1:]]


def test_a_path_with_too_many_names_for_a_look_is_not_said_to_be_hidden(place: Path) -> None:
    """What its requester cannot see has no grade, and nobody is told that nobody looked."""
    for number in range(MOST_NAMES):
        (place / "many" / str(number)).mkdir(parents=True)
    (place / "end").symlink_to("/etc/sudoers")
    (place / "link").symlink_to(f"{place}/many/" + "/../".join(str(number) for number in range(MOST_NAMES)) + "/../../end")
    with pytest.raises(NotLooked):
        look()(f"{place}/link")


def test_homes_of_services_and_of_other_names_of_root_come_from_the_host(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passwd = made(place / "passwd")
    passwd.write_text(
        f"root:x:0:0::/root:/bin/sh\ntoor:x:0:0::{place}/toor:/bin/sh\nbin:x:2:2::/:/bin/false\n"
        f"git:x:990:990::{place}/git:/bin/sh\nalice:x:4001:4001::{place}/alice:/bin/sh\nbroken\n"
    )
    monkeypatch.setattr(accounts, "PASSWD", passwd)
    assert accounts.homes() == {f"{place}/toor": "root", f"{place}/git": "git"}
    for home, matters in (("toor", "who may log in as root"), ("git", "who may act as this account")):
        found = FINDINGS.on_this_host(
            command("tee", f"{place}/{home}/.ssh/authorized_keys"), person("alice", uid=ALICE, gid=ALICE)
        )
        assert [one.matters for one in found or () if one.grade is Grade.GIVES] == [matters], home
    passwd.unlink()
    assert accounts.homes() == {}


def test_a_text_counts_only_if_the_run_is_bound_to_it(place: Path) -> None:
    own = made(place / "x.sh", ALICE)
    own.write_text("rm -rf /srv/data\n")
    text = own.read_bytes()
    asked = command("bash", str(own))
    for digest, lost in ((sha256(text).digest(), True), (sha256(b"").digest(), False), (b"", False)):
        bound = replace(asked, operands=(Operand(1, str(own).encode(), digest, "", True),))
        scripts = Scripts((Script(1, str(own).encode(), sha256(text).digest()),), (text,))
        found = FINDINGS.on_this_host(bound, person("alice", uid=ALICE, gid=ALICE), scripts) or ()
        assert worst(found) is Grade.GIVES and any(one.damage for one in found) is lost
