# SPDX-License-Identifier: Apache-2.0
"""The Debian packages that contrib/deb/build makes: what is in them, and what a booted host goes through with them.

These tests run on the host itself, in a lane of `contrib/lanes/run` that is no lab: they take a mirror of Debian.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.law.tree import TREE
from tests.marks import full
from tests.waiting import PATIENCE

MADE = TREE / "build/deb"
OLDER, NEWER = "1760000000", "1760100000"
"""Two times of a day after the other, as SOURCE_DATE_EPOCH has them."""
WANTED = "dbus,krb5-kdc,krb5-admin-server,krb5-user,sudo,libpam-python,procps,util-linux"
"""What is on the host already: a KDC, and what a gate takes."""


def here() -> str:
    """The release of this host."""
    words = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    return {"12": "bookworm", "13": "trixie"}[words["VERSION_ID"].strip('"')]


def build(release: str, epoch: str, *venv: Path, tree: Path = TREE) -> dict[str, Path]:
    """Name of a package → its file."""
    done = subprocess.run(
        [tree / "contrib/deb/build", release, *venv],
        env={**os.environ, "SOURCE_DATE_EPOCH": epoch},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60 * PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return {file.name.partition("_")[0]: file for file in (tree / "build/deb" / release).glob("*.deb")}


def contents(package: Path) -> dict[str, str]:
    """Path of a file → its mode and owner."""
    line = ["dpkg-deb", "--contents", package]
    rows = [row.split(None, 5) for row in subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()]
    return {row[5].partition(" -> ")[0].lstrip("."): f"{row[0]} {row[1]}" for row in rows if not row[5].endswith("/")}


def control(package: Path, field: str) -> str:
    return subprocess.run(["dpkg-deb", "--field", package, field], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def test_the_packages_have_what_make_install_puts_and_nothing_else(tmp_path: Path) -> None:
    """Every day, they are made with what the tests import, which is of this host's release."""
    packages = build(here(), OLDER, TREE / ".venv")
    assert sorted(packages) == ["jitsudo", "jitsudo-board"]
    subprocess.run([TREE / "contrib/install", tmp_path, TREE / ".venv"], stdin=subprocess.DEVNULL, check=True)
    put = {f"/{file.relative_to(tmp_path)}" for file in tmp_path.rglob("*") if file.is_symlink() or file.is_file()}
    board = contents(packages["jitsudo-board"])
    has = contents(packages["jitsudo"]) | board
    documents = {path for path in has if path.startswith(("/usr/share/doc/", "/usr/share/lintian/"))}
    assert {path.removesuffix(".gz") for path in has.keys() - documents} == put - {"/usr/share/jitd/installed"}
    assert {about for about in has.values() if not about.endswith(" root/root") or about[5] == "w" or about[8] == "w"} <= {
        about for about in has.values() if about.startswith("l")
    }, "all is root's, and nobody else may write it"

    assert {path.split("/")[5] for path in board if path.startswith("/usr/lib/jitd/")} >= {"textual", "rich", "pygments"}
    ours = ("/usr/lib/jitd/jitd_board/", "/usr/lib/jitd/site-packages/", "/usr/share/")
    assert not [path for path in board if not path.startswith(ours)]
    assert [path for path in has if "/man8/jitd-board" in path] == [path for path in board if "/man/" in path] != []
    assert control(packages["jitsudo"], "Version").startswith("0.1.0~20251009+deb")
    assert sum(int(control(file, "Installed-Size")) for file in packages.values()) <= 67 * 1024
    depends = control(packages["jitsudo"], "Depends")
    needs = {need.split()[0] for need in depends.replace("|", ",").split(",")}
    assert not {need for need in needs if need in ("gcc", "python3-venv") or need.endswith("-dev")}, depends
    conffiles = subprocess.run(
        ["dpkg-deb", "--info", packages["jitsudo"], "conffiles"], stdout=subprocess.PIPE, text=True, check=True
    )
    assert {*conffiles.stdout.split()} == {path for path in has if path.startswith("/etc/")}


@full("it makes packages from the locked lists twice and boots a host; every day, a package is made and looked at")
@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_nothing_is_lost_from_the_first_installation_to_the_purge(release: str) -> None:
    """THREATS O-16, O-17"""
    older, newer = MADE / f"{release}.before", MADE / release
    build(release, OLDER)
    shutil.rmtree(older, ignore_errors=True)
    shutil.copytree(newer, older, ignore=shutil.ignore_patterns("venv"))
    packages = build(release, NEWER)
    fetched = [word.split()[0] for word in control(packages["jitsudo"], "Depends").split(", ")]
    line = [TREE / "contrib/on", "--boot", "--private-network", "--name", "db1.example.org", "--packages", WANTED]
    line += ["--fetch", ",".join(fetched), "--tree", TREE / "tests/hosts", "--tree", older, "--tree", newer, release]
    done = subprocess.run(
        [*line, TREE / "tests/hosts/package_life", older, newer],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=60 * PATIENCE,
        check=False,
    )
    assert done.returncode == 0 and done.stdout.endswith("all as told\n"), done.stdout


def test_what_is_compiled_here_does_not_say_where() -> None:
    """Debugging information names the directory of the compiler. It is stripped, but the linker's digest, which stays, is also of
    it. So the packages of two checkouts would differ in each of these shared objects.
    """
    runtime = TREE / ".venv/runtime"
    compiled = sorted(file for package in ("gssapi", "systemd") for file in (runtime / package).rglob("*.so"))
    assert len(compiled) >= 30
    line = ["readelf", "--section-headers", "--wide", *compiled]
    said = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert said.count(".note.gnu.build-id") == len(compiled) and ".debug_" not in said


@pytest.mark.parametrize("package", ["gssapi", "systemd"])
def test_what_is_compiled_here_is_hardened_as_the_distributions_own_modules_are(package: str) -> None:
    """CFLAGS replaces the flags of the distribution's Python, and not only adds to them: the daemon is root."""
    compiled = sorted((TREE / ".venv/runtime" / package).rglob("*.so"))
    line = ["readelf", "--dyn-syms", "--wide", *compiled]
    said = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert "__stack_chk_fail" in said


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
        packages = build(release, NEWER, *venv, tree=clone)
        digests.append({file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in packages.values()})
    assert digests[0] == digests[1]
