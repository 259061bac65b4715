# SPDX-License-Identifier: Apache-2.0
"""A requester exchanges a directory of theirs for a link to one of root's while jitd looks (THREATS R-35).

Each test tells no moment by chance: it plays the look as often as the look has system calls that read a file or a name, and makes
the exchange before another call each time, once there and once back.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jitd.core.asked_terms import USUAL
from jitd.core.conditions import read_command_pattern
from jitd.core.decision import Permit, Terms
from jitd.core.policy import Policy, Rule
from jitd.deciding.command_lookup import Asked
from jitd.deciding.screening import Sighting, look
from jitd.facts.command_file import NAMES, Files
from jitd.files import inspection, operands, path_lookup
from jitd.files.inspection import View
from jitd.monitor.execution import CannotStart, what_to_execute
from jitd.monitor.rehearsal import JOB
from tests.daemon.knowing import nothing
from tests.scene import moment, person

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="root's directory is one that alice may not enter")

ALICE = person("alice", uid=61001, gid=61001)
CALLS = (
    "open",
    "stat",
    "lstat",
    "fstat",
    "readlink",
    "getxattr",
    "listxattr",
    "access",
    "statvfs",
    "fstatvfs",
    "scandir",
    "read",
)
SECRET = b"#!/bin/sh\n# the secret of root\n"
OPEN = b"#!/bin/sh\n# of alice\n"
DIGESTS = {hashlib.sha256(text).digest(): text for text in (SECRET, OPEN)}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory of alice's. Her directory ``d`` has what ``away``, a link to a directory of root's, has too."""
    for each in (tmp_path, *tmp_path.parents):
        if each != Path("/"):
            each.chmod(each.stat().st_mode | 0o055)
    (tmp_path / "roots").mkdir(mode=0o700)
    (tmp_path / "alice").mkdir(mode=0o755)
    (tmp_path / "alice/d").mkdir(mode=0o755)
    for place, text in (("roots", SECRET), ("alice/d", OPEN)):
        (tmp_path / place / "file").write_bytes(text)
        (tmp_path / place / "file").chmod(0o755)
    (tmp_path / "roots/hers-alone").write_bytes(SECRET)
    (tmp_path / "alice/away").symlink_to(tmp_path / "roots")
    for each in (tmp_path / "alice", *(tmp_path / "alice").rglob("*")):
        os.chown(each, ALICE.uid, ALICE.gid, follow_symlinks=False)
    return tmp_path / "alice"


@contextmanager
def exchanged(home: Path, before: int, until: int) -> Iterator[list[int]]:
    """Exchange ``d`` and ``away`` before the call of number ``before``, and once more before the one of number ``until``."""
    n, patch = [0], pytest.MonkeyPatch()
    rename = os.rename

    def exchange() -> None:
        rename(home / "d", home / "between")
        rename(home / "away", home / "d")
        rename(home / "between", home / "away")

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def play(*given: Any, **more: Any) -> Any:
            if n[0] in (before, until):
                exchange()
            n[0] += 1
            return call(*given, **more)

        return play

    for name in CALLS:
        patch.setattr(os, name, counted(getattr(os, name)))
    try:
        yield n
    finally:
        patch.undo()
        if (home / "d").is_symlink():
            exchange()


def plays(home: Path, play: Callable[[], object]) -> Iterator[object]:
    """Yield what ``play`` returns with each exchange."""
    with exchanged(home, -1, -1) as n:
        yield play()
    for before in range(n[0] + 1):
        for until in (-1, *range(before + 1, before + 7)):
            with exchanged(home, before, until):
                found = play()
            yield found


def asked(*argv: bytes) -> Asked:
    return Asked(
        argv=argv, login=False, user="root", group=None, cwd=b"/", cwd_device=1, cwd_inode=2, chdir=False,
        variables=(), preserved=(), locale=(), streams=("null", "null", "null"), reason=None, terms=USUAL,
    )  # fmt: skip


def permits(*pattern: str) -> Policy:
    rule = Rule(
        "permit", "any", who=("user:alice",), run_as=("*",), commands=(read_command_pattern(pattern),), terms=Terms(writable=True)
    )
    return Policy((rule,), "permit", "")


def sighted(policy: Policy, *argv: bytes) -> Sighting:
    return look(policy, asked(*argv), ALICE, "host", "jitsudo", "/usr/bin", (), moment(), nothing())


def test_no_request_is_bound_to_a_file_that_its_requester_could_not_name(home: Path) -> None:
    """THREATS R-35."""
    path, policy = os.fsencode(home / "d/file"), permits(f"{home}/d/file")
    seen = set()
    for found in plays(home, lambda: sighted(policy, path)):
        assert isinstance(found, Sighting)
        seen.add(DIGESTS.get(found.command.digest))
        assert found.command.digest == b"" or found.command.path == path, found.command
    assert seen <= {OPEN, None} and OPEN in seen


def test_what_is_told_of_a_file_is_of_the_file_that_its_requester_can_read(home: Path) -> None:
    """THREATS R-35."""
    path = os.fsencode(home / "d/file")

    def told() -> bytes:
        glance = path_lookup.Look()
        try:
            found = inspection.inspect(path, 0, glance=glance)
        except inspection.Uninspectable:
            return b""
        return found.digest if path_lookup.is_readable(path, ALICE.uid, (), None, glance) else b""

    assert {DIGESTS.get(each) for each in plays(home, told)} <= {OPEN, None}


def test_no_operand_is_a_file_that_its_requester_could_not_name(home: Path) -> None:
    """THREATS R-35."""
    path = os.fsencode(home / "d/file")

    def bound() -> tuple[operands.Operand, ...]:
        with path_lookup.Look() as glance:

            def is_seen(path: bytes) -> bool:
                return path_lookup.is_visible_absence(path, ALICE.uid, (), None, glance)

            return tuple(operands.find((b"cat", path), View(0, b"/"), is_seen, is_seen, glance=glance))

    found = {DIGESTS.get(one.digest) for each in plays(home, bound) for one in each}  # type: ignore[attr-defined]
    assert found <= {OPEN, None} and OPEN in found


def test_facts_are_of_the_file_that_was_asked_for(home: Path) -> None:
    """THREATS R-35."""
    path = os.fsencode(home / "d/file")
    policy, files = permits(f"{home}/d/file"), Files()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jitd.facts.command_file._ACCOUNTS", "/etc/passwd")
        question = _question(sighted(policy, path))
    for facts in plays(home, lambda: files.look(NAMES, question, ())):
        assert facts["fact.file_digest"] == hashlib.sha256(OPEN).hexdigest() or not isinstance(facts["fact.file_digest"], str)  # type: ignore[index]


def _question(sighting: Sighting) -> Any:
    from jitd.core.question import Question

    assert isinstance(sighting.decision, Permit)
    return Question(
        requester=ALICE, command=sighting.command, service="jitsudo", host="host", reason=None, terms=USUAL, chdir=None,
        is_own_group=True, is_missing=False, writable_by=(),
    )  # fmt: skip


def test_who_is_permitted_nothing_learns_no_name_of_roots(home: Path) -> None:
    """THREATS R-35."""
    policy = Policy((), "permit", "")
    answers: dict[str, list[str]] = {}
    for name in ("hers-alone", "nothing-here"):
        path = os.fsencode(home / "d" / name)
        answers[name] = [
            repr((found.decision, found.command)).replace(name, "NAME")  # type: ignore[attr-defined]
            for found in plays(home, lambda path=path: sighted(policy, path))  # type: ignore[misc]
        ]
    assert set(answers["hers-alone"]) == set(answers["nothing-here"])


def test_no_copy_of_a_file_that_its_requester_could_not_name_is_given_to_a_group(home: Path, tmp_path: Path) -> None:
    """THREATS R-35."""
    digest = hashlib.sha256(OPEN).digest()
    job = replace(JOB, path=os.fsencode(home / "d/file"), digest=digest, writable=True, gid=ALICE.gid, requester_uid=ALICE.uid)
    copies = tmp_path / "state/exec" / JOB.run

    def given() -> tuple[bytes, ...]:
        with suppress(CannotStart, inspection.Uninspectable):
            what_to_execute(job, str(tmp_path / "state"))
        found = tuple(one.read_bytes() for one in copies.iterdir() if one.stat().st_gid == ALICE.gid) if copies.exists() else ()
        shutil.rmtree(copies, ignore_errors=True)
        return found

    (tmp_path / "state/exec").mkdir(parents=True)
    assert {text for each in plays(home, given) for text in each} == {OPEN}  # type: ignore[attr-defined]


@pytest.mark.parametrize("uid", [61002, 0])
@pytest.mark.parametrize(("above", "mode"), [(0o755, 0o711), (0o700, 0o755)])
def test_no_copy_of_a_file_that_its_reader_could_not_read_is_one_that_they_can(
    home: Path, tmp_path: Path, above: int, mode: int, uid: int
) -> None:
    """THREATS R-35. The account that the command runs as has alice's group."""
    (tmp_path / "roots").chmod(above)
    (tmp_path / "roots/file").chmod(mode)
    path, digest = os.fsencode(home / "away/file"), hashlib.sha256(SECRET).digest()
    job = replace(JOB, path=path, digest=digest, writable=True, uid=uid, gid=ALICE.gid, groups=(), requester_uid=ALICE.uid)
    (tmp_path / "state/exec").mkdir(parents=True)
    copy = what_to_execute(job, str(tmp_path / "state")).command
    assert Path(os.fsdecode(copy)).read_bytes() == SECRET
    assert not os.stat(copy).st_mode & 0o044


def test_a_copy_of_a_file_that_the_account_can_read_can_be_read_by_it(home: Path, tmp_path: Path) -> None:
    """THREATS R-35."""
    path, digest = os.fsencode(home / "d/file"), hashlib.sha256(OPEN).digest()
    job = replace(JOB, path=path, digest=digest, writable=True, uid=61002, gid=61002, groups=(), requester_uid=ALICE.uid)
    (tmp_path / "state/exec").mkdir(parents=True)
    assert os.stat(what_to_execute(job, str(tmp_path / "state")).command).st_mode & 0o777 == 0o750
