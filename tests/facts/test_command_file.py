# SPDX-License-Identifier: Apache-2.0
"""Facts about the command's file: of real files and the real dpkg, of one content, and of nothing that counts as missing."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from jitd.core.facts import Facts, Unknown
from jitd.core.question import Question
from jitd.facts import command_file
from jitd.facts.command_file import NAMES, Files, name_of
from jitd.facts.packages import Packages
from tests.core.house import question


def of(path: str | Path, *names: str, files: Files | None = None, asked: Question | None = None) -> Facts:
    made = question(argv=(os.fsencode(path),)) if asked is None else asked
    return (files or Files()).look(frozenset(f"fact.{name}" for name in names) or NAMES, made, ())


def test_a_file_of_a_package_is_as_it_was_packaged() -> None:
    id = Path("/usr/bin/id")
    assert of(id) == {
        "fact.file_owner": "root",
        "fact.file_mode": 0o755,
        "fact.file_digest": hashlib.sha256(id.read_bytes()).hexdigest(),
        "fact.package": "coreutils",
        "fact.as_packaged": True,
    }


def test_a_link_is_of_the_package_of_what_it_leads_to(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("/usr/bin/id")
    assert of(link, "package", "as_packaged")["fact.package"] == "coreutils"


def test_a_file_of_no_package_says_so(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.write_bytes(Path("/usr/bin/id").read_bytes())
    own.chmod(0o4750)
    os.chown(own, 4711, 0)
    own.chmod(0o4750)
    found = of(own)
    assert found["fact.package"] == "" and found["fact.as_packaged"] is False
    assert (found["fact.file_owner"], found["fact.file_mode"]) == ("#4711", 0o4750)


class Shipped:
    """A package ``tool`` with one program, in a database of its own."""

    def __init__(self, path: Path) -> None:
        self.program = path / "tool"
        self.program.write_bytes(b"#!/bin/sh\n:\n")
        self.program.chmod(0o755)
        info = path / "dpkg/info"
        info.mkdir(parents=True)
        (path / "dpkg/status").write_text("")
        (info / "tool.list").write_text(f"{self.program}\n")
        digest = hashlib.md5(self.program.read_bytes(), usedforsecurity=False).hexdigest()
        (info / "tool.md5sums").write_text(f"{digest}  {str(self.program)[1:]}\n")
        self.sums = info / "tool.md5sums"
        self.files = Files(Packages(os.fsencode(path / "dpkg")))

    def look(self, *names: str) -> Facts:
        return of(self.program, *names, files=self.files)


@pytest.fixture
def shipped(tmp_path: Path) -> Shipped:
    return Shipped(tmp_path)


def test_a_file_that_was_changed_is_not_as_packaged(shipped: Shipped) -> None:
    assert shipped.look("as_packaged")["fact.as_packaged"] is True
    shipped.program.write_bytes(b"#!/bin/sh\n:;\n")
    found = shipped.look("as_packaged", "package")
    assert (found["fact.package"], found["fact.as_packaged"]) == ("tool", False)
    assert found["fact.file_digest"] == hashlib.sha256(b"#!/bin/sh\n:;\n").hexdigest()


def test_a_file_without_a_checksum_is_not_known_to_be_as_packaged(shipped: Shipped) -> None:
    shipped.sums.unlink()
    found = shipped.look("as_packaged")["fact.as_packaged"]
    assert isinstance(found, Unknown) and "no checksum" in found.why


def test_on_a_host_without_dpkg_the_package_is_not_known(tmp_path: Path) -> None:
    found = of("/usr/bin/id", files=Files(Packages(os.fsencode(tmp_path / "nowhere"))))
    for name in ("fact.package", "fact.as_packaged"):
        assert found[name] == Unknown("this host has no database of dpkg")
    assert found["fact.file_owner"] == "root", "the rest is"


def test_the_digest_comes_with_every_other_fact_and_nothing_else_does() -> None:
    assert of("/usr/bin/id", "file_mode").keys() == {"fact.file_mode", "fact.file_digest"}


@pytest.mark.parametrize("path", ["/nowhere/at/all", "/usr/bin", "/proc/self/exe", "/dev/null", "/usr/bin/id/x"])
def test_what_cannot_be_looked_at_has_no_facts_and_a_reason(path: str) -> None:
    for value in of(path).values():
        assert isinstance(value, Unknown) and value.why.startswith("the command's file cannot be looked at: ")


def test_a_command_that_counts_as_missing_has_no_facts_whether_a_file_is_there_or_not() -> None:
    told = [of("", asked=replace(question(argv=(path,)), is_missing=True)) for path in (b"/usr/bin/id", b"/nowhere/at/all")]
    assert told[0] == told[1]
    assert all(isinstance(value, Unknown) for value in told[0].values())


def test_a_login_has_no_file() -> None:
    asked = question()
    assert set(of("", asked=replace(asked, command=replace(asked.command, path=b""))).values()) == {
        Unknown("no file of the command is known")
    }


def test_a_file_that_changes_while_it_is_looked_at_has_no_facts(shipped: Shipped, monkeypatch: pytest.MonkeyPatch) -> None:
    inspect = command_file.inspect

    def then_swapped(*given: object, **more: object) -> object:
        found = inspect(*given, **more)  # type: ignore[arg-type]
        fresh = shipped.program.with_name("fresh")
        fresh.write_bytes(b"another")
        fresh.rename(shipped.program)
        return found

    def then_rewritten(*given: object, **more: object) -> object:
        found = inspect(*given, **more)  # type: ignore[arg-type]
        shipped.program.write_bytes(shipped.program.read_bytes()[::-1])
        return found

    changing = Unknown("the command's file is being changed")
    monkeypatch.setattr(command_file, "inspect", then_rewritten)
    assert set(shipped.look("as_packaged", "package").values()) == {changing}
    was = {hashlib.sha256(shipped.program.read_bytes()).hexdigest(), stat.S_IMODE(shipped.program.stat().st_mode)}
    monkeypatch.setattr(command_file, "inspect", then_swapped)
    assert set(shipped.look("file_mode").values()) == was, "all facts are of the file that was there at first"


def test_a_file_that_is_not_the_one_that_will_run_has_no_facts(shipped: Shipped) -> None:
    bound = question(argv=(os.fsencode(shipped.program),))
    for digest, is_known in ((hashlib.sha256(shipped.program.read_bytes()).digest(), True), (b"another".ljust(32), False)):
        asked = replace(bound, command=replace(bound.command, digest=digest))
        found = of("", "file_owner", "file_mode", files=shipped.files, asked=asked)
        assert (found["fact.file_owner"] == "root") is is_known
        assert all(isinstance(value, Unknown) is not is_known for value in found.values())


def test_digests_of_roots_own_files_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    files, read = Files(), command_file._sums
    n_read = []
    monkeypatch.setattr(command_file, "_sums", lambda file: n_read.append(file) or read(file))
    for _ in range(3):
        assert of("/usr/bin/id", "as_packaged", files=files)["fact.as_packaged"] is True
    assert len(n_read) == 1


def test_an_account_is_named_without_asking_a_directory(tmp_path: Path) -> None:
    accounts = tmp_path / "passwd"
    accounts.write_bytes(
        b"# comment\n+nis\nroot:x:0:0::/root:/bin/sh\n\nalice:x:1001:1001::/home/alice:/bin/sh\nodd\xff:x:7:7::/:\n"
    )
    told = {uid: name_of(uid, str(accounts)) for uid in (0, 1001, 7, 10, 100)}
    assert told == {0: "root", 1001: "alice", 7: "odd\\xff", 10: "#10", 100: "#100"}
