# SPDX-License-Identifier: Apache-2.0
"""The Debian packages that contrib/deb/build makes: what is in them, and what a booted host goes through with them.

These tests run on the host itself, in a lane of `contrib/lanes/run` that is no lab: they take a mirror of Debian.
"""

from __future__ import annotations

import configparser
import contextlib
import hashlib
import os
import sqlite3
import subprocess
from pathlib import Path

import pytest

from jitd.store.sqlite import FIRST, SCHEMA
from tests.hosts.packages import build, control, doctored, files, here, lived, of_last_release, of_tip
from tests.law.tree import TREE
from tests.marks import full

WANTED = "dbus,krb5-kdc,krb5-admin-server,krb5-user,sqlite3,sudo,libpam-python,procps,util-linux"
"""What is on the host already: a KDC, what the gate of 0.1 takes, and what a backup takes."""
RELEASES = [
    here(),
    pytest.param(
        *{"bookworm", "trixie"} - {here()},
        marks=full(
            "it makes packages of two versions from the locked lists; every day, the packages of this host's release change"
        ),
    ),
]


def version() -> str:
    read = configparser.ConfigParser()
    read.read(TREE / "setup.cfg")
    return read["metadata"]["version"]


def contents(package: Path) -> dict[str, str]:
    """Path of a file → its mode and owner."""
    line = ["dpkg-deb", "--contents", package]
    rows = [row.split(None, 5) for row in subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()]
    return {row[5].partition(" -> ")[0].lstrip("."): f"{row[0]} {row[1]}" for row in rows if not row[5].endswith("/")}


def test_the_packages_have_what_make_install_puts_and_nothing_else(tmp_path: Path) -> None:
    packages = of_tip(here())
    assert sorted(packages) == ["jitsudo", "jitsudo-board", "jitsudo-client"]
    subprocess.run([TREE / "contrib/install", tmp_path, TREE / ".venv"], stdin=subprocess.DEVNULL, check=True)
    put = {f"/{file.relative_to(tmp_path)}" for file in tmp_path.rglob("*") if file.is_symlink() or file.is_file()}
    board = contents(packages["jitsudo-board"])
    has = contents(packages["jitsudo"]) | board
    desk = contents(packages["jitsudo-client"])
    documents = {path for path in has if path.startswith(("/usr/share/doc/", "/usr/share/lintian/"))}
    assert {path.removesuffix(".gz") for path in has.keys() - documents} == put - {"/usr/share/jitd/installed"}
    assert "/usr/lib/jitd/site-packages/nats/aio/client.py" in desk
    assert {path: about for path, about in desk.items() if path not in has}.keys() == {
        path for path in desk if path.startswith(("/usr/share/doc/", "/usr/share/lintian/"))
    }
    assert [path for path, about in desk.items() if has.get(path, about) != about] == []
    assert {about for about in has.values() if not about.endswith(" root/root") or about[5] == "w" or about[8] == "w"} <= {
        about for about in has.values() if about.startswith("l")
    }, "all is root's, and nobody else may write it"

    assert {path.split("/")[5] for path in board if path.startswith("/usr/lib/jitd/")} >= {"textual", "rich", "pygments"}
    ours = ("/usr/lib/jitd/jitd_board/", "/usr/lib/jitd/site-packages/", "/usr/share/")
    assert not [path for path in board if not path.startswith(ours)]
    assert [path for path in has if "/man8/jitd-board" in path] == [path for path in board if "/man/" in path] != []
    assert control(packages["jitsudo"], "Version").startswith(
        f"{version().removesuffix('.dev0')}{'~20251009' * version().endswith('.dev0')}+deb"
    )
    either = {need.split()[0] for need in control(packages["jitsudo-board"], "Pre-Depends").split(" | ")}
    assert either == {"jitsudo", "jitsudo-client"}
    assert "/usr/lib/jitd/site-packages/typing_extensions.py" in desk, "the board needs it, and it is jitsudo's"
    sizes = {name: int(control(file, "Installed-Size")) for name, file in packages.items()}
    assert sizes["jitsudo"] + sizes["jitsudo-board"] <= 70 * 1024 and sizes["jitsudo-client"] <= 5.75 * 1024
    depends = control(packages["jitsudo"], "Depends")
    needs = {need.split()[0] for need in depends.replace("|", ",").split(",")}
    assert not {need for need in needs if need in ("gcc", "python3-venv") or need.endswith("-dev")}, depends
    conffiles = subprocess.run(
        ["dpkg-deb", "--info", packages["jitsudo"], "conffiles"], stdout=subprocess.PIPE, text=True, check=True
    )
    assert {*conffiles.stdout.split()} == {path for path in has if path.startswith("/etc/")}


@full("every day, the host's package is installed, upgraded, set back and purged, and the files of the desk's are compared")
@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_a_desk_is_installed_alone_and_becomes_a_host_and_a_desk_again(release: str) -> None:
    """THREATS O-17"""
    before, packages = of_last_release(release), of_tip(release)
    after = packages["jitsudo"].parent
    fetched = {
        word.split()[0] for name in ("jitsudo", "jitsudo-client") for word in control(packages[name], "Depends").split(", ")
    }
    line = [TREE / "contrib/on", "--private-network", "--fetch", ",".join(sorted(fetched))]
    line += [word for tree in (TREE / "tests/hosts", before, after) for word in ("--tree", tree)]
    said = lived(*line, release, TREE / "tests/hosts/desk_life", before, after)
    assert said.endswith("all as told\n"), said


@pytest.mark.parametrize("release", RELEASES)
def test_nothing_is_lost_over_upgrades_and_ways_back_until_the_purge(release: str) -> None:
    """THREATS O-03, O-16, O-17"""
    before, after, later = of_last_release(release), next(iter(of_tip(release).values())).parent, doctored(release)
    fetched = [word.split()[0] for word in control(files(later)["jitsudo"], "Depends").split(", ")]
    line = [TREE / "contrib/on", "--boot", "--private-network", "--name", "db1.example.org", "--packages", WANTED]
    line += [
        "--fetch",
        ",".join(fetched),
        "--tree",
        TREE / "tests/hosts",
        "--tree",
        before,
        "--tree",
        after,
        "--tree",
        later,
        release,
    ]
    said = lived(*line, TREE / "tests/hosts/package_life", before, after, later)
    assert said.endswith("all as told\n"), said


@pytest.fixture(scope="module")
def preinst(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("control")
    subprocess.run(["dpkg-deb", "--control", of_tip(here())["jitsudo"], place], check=True)
    return (place / "preinst").read_text()


@pytest.mark.parametrize("arguments", [["install"], ["upgrade", "0.1.0"]], ids=" ".join)
@pytest.mark.parametrize("is_in_log", [False, True])
@pytest.mark.parametrize(
    ("schema", "told"),
    [
        (-1, "a version before 0.1.0 made"),
        (FIRST - 1, "a version before 0.1.0 made"),
        (0, ""),
        (FIRST, ""),
        (SCHEMA, ""),
        (SCHEMA + 1, "nothing was changed. To go"),
    ],
)
def test_a_package_is_refused_where_it_could_not_read_the_database(
    preinst: str, tmp_path: Path, schema: int, told: str, is_in_log: bool, arguments: list[str]
) -> None:
    """THREATS O-03: before anything is changed, and whether the number is in the file or still in SQLite's log."""
    database = tmp_path / "jitd.db"
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE chain (number INTEGER)")
        if is_in_log:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute(f"PRAGMA user_version = {schema}")
        if not is_in_log:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        before = database.read_bytes()
        done = plays(preinst, database, *arguments)
        assert (done.returncode, told in done.stderr, bool(done.stderr)) == (int(bool(told)), True, bool(told)), done
        assert database.read_bytes() == before
        assert ("copies" in done.stdout) is (FIRST <= schema < SCHEMA)
    done = plays(preinst, database, *arguments)  # and when nobody has it open
    assert (done.returncode, told in done.stderr) == (int(bool(told)), True), done
    assert sorted(file.name for file in tmp_path.iterdir()) == ["jitd.db"]


@pytest.mark.skipif(FIRST == SCHEMA, reason="no older schema is read")
def test_a_package_is_refused_where_the_database_could_not_be_copied(preinst: str, tmp_path: Path) -> None:
    """THREATS O-03: the copy is the way back. The database is as large as no disk, and empty beyond its first pages."""
    database = tmp_path / "jitd.db"
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as db:
        db.execute(f"PRAGMA user_version = {FIRST}")
    os.truncate(database, os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize)
    before = database.stat()
    done = plays(preinst, database, "upgrade", "0.1.0")
    assert done.returncode == 1 and "no room for\njitsudo: the copy, so nothing was changed" in done.stderr
    assert (database.stat().st_size, database.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert [file.name for file in tmp_path.iterdir()] == ["jitd.db"]


@pytest.mark.parametrize("content", [None, b"", b"no database\n", b"SQLite format 3\0" + bytes(4096)])
def test_a_database_that_is_not_there_or_damaged_stops_no_package(preinst: str, tmp_path: Path, content: bytes | None) -> None:
    """An upgrade may be the cure."""
    database = tmp_path / "jitd.db"
    if content is not None:
        database.write_bytes(content)
    for arguments in (["install"], ["upgrade", "0.1.0"]):
        done = plays(preinst, database, *arguments)
        assert (done.returncode, done.stderr) == (0, "")
    assert (database.read_bytes() if database.exists() else None) == content


def plays(preinst: str, database: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a package's ``preinst`` as on a host with this ``database``."""
    assert preinst.count("/var/lib/jitd/jitd.db") == 2
    script = preinst.replace("/var/lib/jitd/jitd.db", str(database))
    return subprocess.run(["sh", "-c", script, "preinst", *arguments], capture_output=True, text=True, check=False)


@full("it makes a runtime and packages twice; every day, what is compiled is looked at for the directory in which it was")
@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_two_clones_give_the_same_bytes(release: str, tmp_path: Path) -> None:
    """Wherever they are, and whether what is imported is made by contrib/deb/build or beforehand, by contrib/runtime."""
    digests = []
    for place in ("one", "further/down/another"):
        clone = tmp_path / place
        subprocess.run(["git", "clone", "--quiet", TREE, clone], check=True)
        venv = [clone / "build/venv"] if place != "one" and release == here() else []
        for directory in venv:
            subprocess.run([clone / "contrib/runtime", directory], check=True)
        packages = build(release, "1760100000", *venv, tree=clone)
        digests.append({file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in packages.values()})
    assert digests[0] == digests[1]
