# SPDX-License-Identifier: Apache-2.0
"""Which package a file belongs to: as dpkg itself says it on this host, and by a database with all that is odd."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from jitd.facts.packages import NoDatabase, Packages

PROGRAMS = ("/usr/bin/id", "/usr/bin/ls", "/usr/bin/env", "/usr/bin/dash", "/usr/bin/dpkg", "/usr/sbin/chroot", "/etc/passwd")
SUM = "0123456789abcdef0123456789abcdef"


class Database:
    """A database of dpkg's, written by hand."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "info").mkdir(parents=True)
        (path / "status").write_text("")
        self.packages = Packages(os.fsencode(path))

    def add(self, package: str, *files: str, sums: str = "") -> None:
        (self.path / f"info/{package}.list").write_text("".join(f"{file}\n" for file in ("/.", *files)))
        (self.path / f"info/{package}.md5sums").write_text(sums)

    def of(self, path: str) -> str:
        found = self.packages.owner_of(path.encode())
        return "" if found is None else found.package


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "dpkg")


@pytest.mark.parametrize("path", PROGRAMS)
def test_a_file_belongs_to_the_package_that_dpkg_says(path: str) -> None:
    """The real database of this host, against the real dpkg."""
    names = {path, path.removeprefix("/usr")}
    told = [subprocess.run(["dpkg", "-S", name], capture_output=True, text=True, check=False) for name in sorted(names)]
    owners = {line.partition(":")[0] for done in told for line in done.stdout.splitlines() if "diversion" not in line}
    found = Packages().owner_of(path.encode())
    assert ({found.package} if found else set()) == owners


def test_the_checksum_is_that_of_the_file_as_it_was_installed() -> None:
    owned = Packages().owner_of(b"/usr/bin/id")
    assert owned is not None and owned.package == "coreutils"
    assert Packages().checksum_of(owned) == hashlib.md5(Path("/usr/bin/id").read_bytes(), usedforsecurity=False).digest()


def test_a_package_may_call_a_file_by_the_path_of_an_unmerged_host(database: Database) -> None:
    database.add("old", "/bin/tool", sums=f"{SUM}  bin/tool\n")
    assert os.readlink("/bin") == "usr/bin", "this host is merged"
    assert database.of("/usr/bin/tool") == "old"
    owned = database.packages.owner_of(b"/usr/bin/tool")
    assert owned is not None and database.packages.checksum_of(owned) == bytes.fromhex(SUM)


@pytest.mark.parametrize(
    "path", ["/usr/bin/too", "/usr/bin/tool2", "usr/bin/tool", "/usr/bin", "", "/usr/bin/tool\n/usr/bin/other", "/opt/bin/tool"]
)
def test_a_file_that_no_package_lists_belongs_to_none(database: Database, path: str) -> None:
    database.add("new", "/usr/bin/tool", "/usr/bin/other")
    assert database.of("/usr/bin/tool") == "new"
    assert database.of(path) == ""


def test_the_architecture_is_no_part_of_the_name(database: Database) -> None:
    database.add("libx:i386", "/usr/share/x", sums=f"{'f' * 32}  usr/share/x\n")
    database.add("libx:amd64", "/usr/share/x", sums=f"{SUM}  usr/share/x\n")
    assert database.of("/usr/share/x") == "libx"
    owned = database.packages.owner_of(b"/usr/share/x")
    assert owned is not None and database.packages.checksum_of(owned) == bytes.fromhex(SUM)


def test_a_diverted_file_belongs_to_whose_it_is(database: Database) -> None:
    database.add("first", "/usr/bin/tool", sums=f"{SUM}  usr/bin/tool\n")
    database.add("another", "/usr/bin/tool")
    (database.path / "diversions").write_text("/usr/bin/tool\n/usr/bin/tool.first\nanother\n")
    assert database.of("/usr/bin/tool") == "another"
    assert database.of("/usr/bin/tool.first") == "first"
    owned = database.packages.owner_of(b"/usr/bin/tool.first")
    assert owned is not None and database.packages.checksum_of(owned) == bytes.fromhex(SUM)


def test_what_an_administrator_put_in_the_place_of_a_diverted_file_belongs_to_no_package(database: Database) -> None:
    database.add("first", "/usr/bin/tool")
    (database.path / "diversions").write_text("/usr/bin/tool\n/usr/bin/tool.first\n:\n")
    assert database.of("/usr/bin/tool") == ""
    assert database.of("/usr/bin/tool.first") == "first"


def test_a_file_without_a_checksum_has_none(database: Database) -> None:
    database.add("new", "/etc/tool.conf", "/usr/bin/tool", sums=f"{SUM}  usr/bin/tool\n")
    owned = database.packages.owner_of(b"/etc/tool.conf")
    assert owned is not None and database.packages.checksum_of(owned) is None
    (database.path / "info/new.md5sums").unlink()
    owned = database.packages.owner_of(b"/usr/bin/tool")
    assert owned is not None and database.packages.checksum_of(owned) is None


def test_an_answer_is_forgotten_when_dpkg_has_changed_something(database: Database) -> None:
    database.add("new", "/usr/bin/tool")
    assert database.of("/usr/bin/tool") == "new"
    database.add("new")
    (database.path / "status").rename(database.path / "status-old")
    (database.path / "status").write_text("changed")
    assert database.of("/usr/bin/tool") == ""


def test_a_database_that_is_changed_meanwhile_is_not_believed(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    database.add("new", "/usr/bin/tool")
    find = database.packages._find

    def slowly(path: bytes) -> object:
        found = find(path)
        (database.path / "status").write_text("dpkg is at work")
        return found

    monkeypatch.setattr(database.packages, "_find", slowly)
    with pytest.raises(NoDatabase, match="ask again"):
        database.of("/usr/bin/tool")
    monkeypatch.undo()
    assert database.of("/usr/bin/tool") == "new"


def test_a_database_that_others_could_write_is_not_believed(database: Database, tmp_path: Path) -> None:
    database.add("new", "/usr/bin/tool")
    (database.path / "info").chmod(0o777)
    with pytest.raises(NoDatabase, match="accounts other than root may change"):
        database.of("/usr/bin/tool")
    (database.path / "info").chmod(0o755)
    os.chown(database.path / "status", 4001, 4001)
    with pytest.raises(NoDatabase, match="accounts other than root may change"):
        database.of("/usr/bin/tool")
    with pytest.raises(NoDatabase, match="no database"):
        Packages(os.fsencode(tmp_path / "nowhere")).owner_of(b"/usr/bin/tool")
