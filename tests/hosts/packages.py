# SPDX-License-Identifier: Apache-2.0
"""Packages for tests: of this checkout, of the last release, and of a version that does not exist yet."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from tests.law.tree import TREE
from tests.waiting import PATIENCE

MADE = TREE / "build/deb"
WITHIN = 25 * PATIENCE
"""Seconds for one life in a root: fewer than the half hour after which pytest ends the lane, without a word of what was said."""
NEXT = "99.0"
"""The version of the packages that ``doctored`` makes, without ``+debN``."""
_SCHEMA = re.compile(r"(?<=^FIRST, SCHEMA = )([0-9]+), ([0-9]+)$", re.MULTILINE)


def here() -> str:
    """The release of this host."""
    words = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    return {"12": "bookworm", "13": "trixie"}[words["VERSION_ID"].strip('"')]


def build(release: str, epoch: str, *venv: Path, tree: Path = TREE) -> dict[str, Path]:
    """Name of a package → its file."""
    done = subprocess.run(
        [tree / "contrib/deb/build", release, *venv],
        env={**os.environ, **({"SOURCE_DATE_EPOCH": epoch} if epoch else {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60 * PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return files(tree / "build/deb" / release)


def lived(*line: str | Path) -> str:
    """What ``line`` says, which lives in a root of contrib/on. Raises AssertionError with all of that if it fails or stands."""
    with subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            said, _ = process.communicate(timeout=WITHIN)
        except subprocess.TimeoutExpired as late:
            process.kill()
            raise AssertionError(f"it stands after {WITHIN:.0f} s:\n{(late.output or b'').decode(errors='replace')}") from None
    told = said.decode(errors="replace")
    assert process.returncode == 0, told
    return told


def files(place: Path) -> dict[str, Path]:
    """Name of a package in ``place`` → its file."""
    return {file.name.partition("_")[0]: file for file in place.glob("*.deb")}


def control(package: Path, field: str) -> str:
    return subprocess.run(["dpkg-deb", "--field", package, field], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


@cache
def of_tip(release: str) -> dict[str, Path]:
    """The packages of this checkout. On this host's release, with what the tests import."""
    return build(release, "1760000000", *([TREE / ".venv"] if release == here() else []))


def of_last_release(release: str) -> Path:
    """A repository with the packages of the last line of contrib/deb/releases. They are made from its commit, and kept.

    A checkout without that commit (git clone --depth 1) has no release to go back to: there, the tip stands in for it.
    """
    lines = [line.split() for line in (TREE / "contrib/deb/releases").read_text().splitlines() if not line.startswith("#")]
    version, commit = lines[-1] if lines else ("0.0", "")
    known = subprocess.run(["git", "-C", TREE, "cat-file", "-e", f"{commit}^{{commit}}"], stderr=subprocess.DEVNULL, check=False)
    if not commit or known.returncode != 0:
        print(f"this checkout does not have release {version} ({commit}): its tip stands in")
        return _repackaged(of_tip(release), MADE / f"{release}.stands-in", f"{version}~tip")
    kept = MADE / "releases" / f"{version}-{commit[:12]}" / release
    if not files(kept):
        with tempfile.TemporaryDirectory() as place:
            tree = Path(place) / "jitsudo"
            subprocess.run(["git", "clone", "--quiet", "--no-checkout", "--shared", TREE, tree], check=True)
            subprocess.run(["git", "-C", tree, "checkout", "--quiet", "--detach", commit], check=True)
            lists = [(root / "requirements/runtime.txt").read_bytes() for root in (tree, TREE)]
            is_same = release == here() and lists[0] == lists[1]
            build(release, "", *([TREE / ".venv"] if is_same else []), tree=tree)
            shutil.copytree(tree / "build/deb" / release, kept, ignore=shutil.ignore_patterns("venv"), dirs_exist_ok=True)
    return kept


def doctored(release: str) -> Path:
    """A repository with packages like those of this checkout, of a later version that has one more step of the schema."""

    def change(root: Path) -> None:
        source = root / "usr/lib/jitd/jitd/store/sqlite.py"
        if not source.exists():
            return
        first, last = (int(number) for number in _SCHEMA.search(source.read_text()).groups())  # type: ignore[union-attr]
        source.write_text(_SCHEMA.sub(f"{first}, {last + 1}", source.read_text()))
        for compiled in source.parent.glob("__pycache__/sqlite.*"):
            compiled.unlink()
        (source.parent / f"schema/{last + 1:04}.sql").write_text("CREATE TABLE later (number INTEGER);\n")
        script = root / "DEBIAN/preinst"
        assert script.read_text().count(f"jitd.db {first} {last}\n") == 1
        script.write_text(script.read_text().replace(f"jitd.db {first} {last}\n", f"jitd.db {first} {last + 1}\n"))

    return _repackaged(of_tip(release), MADE / f"{release}.later", NEXT, change)


def _repackaged(packages: dict[str, Path], place: Path, version: str, change: Callable[[Path], None] = lambda root: None) -> Path:
    """Make the repository ``place`` of ``packages`` with another version, after ``change`` of what is in each."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    index = ""
    for file in packages.values():
        was = control(file, "Version")
        now = f"{version}+{was.rpartition('+')[2]}"
        with tempfile.TemporaryDirectory() as directory:
            root = Path(directory) / "root"
            subprocess.run(["dpkg-deb", "--raw-extract", file, root], check=True)
            change(root)
            about = root / "DEBIAN/control"
            about.write_text(about.read_text().replace(was, now))
            made = place / file.name.replace(was, now)
            subprocess.run(["dpkg-deb", "--build", "-Zgzip", "-z1", root, made], stdout=subprocess.DEVNULL, check=True)
            data = made.read_bytes()
            index += f"{about.read_text()}Filename: ./{made.name}\nSize: {len(data)}\n"
            index += f"SHA256: {hashlib.sha256(data).hexdigest()}\n\n"
    (place / "Packages").write_text(index)
    return place
