# SPDX-License-Identifier: Apache-2.0
"""What speaks against an installation: each line of a PAM stack that names the module of 0.1 or its guard."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from contrib import gone
from contrib.scripts import load
from jitd.hosts.lines import LINES
from jitd.hosts.stack import Source, read
from tests.law.tree import TREE
from tests.pamlint.host import OF_0_1, SCRIPT, SUDO
from tests.pamlint.test_same_as_libpam import Author

GUARD = "account requisite pam_exec.so seteuid /usr/bin/python3 -IS /usr/lib/jitd/jitpam/pam_guard.py\n"


def told(host: Path, files: dict[str, str]) -> list[str]:
    """What is told of a host with these ``files``; a text that begins with > is where a link leads."""
    for name, text in files.items():
        file = host / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.symlink_to(text[1:]) if text.startswith(">") else file.write_text(text, "latin-1")
    return gone.reasons(str(host))


def named(host: Path, files: dict[str, str]) -> list[str]:
    """FILE:LINE of each line that is told of a host with these ``files``."""
    said = told(host, files)
    assert said == [] or "\n".join(said).endswith(gone.LEFT)
    return [line.partition(" names ")[0].removeprefix(f"{host}/") for line in said if "which this version does not have" in line]


@pytest.mark.parametrize(
    ("files", "lines"),
    [
        ({"etc/pam.d/su": OF_0_1 + SUDO}, ["etc/pam.d/su:2", "etc/pam.d/su:4"]),
        ({"etc/pam.d/su": f"account required {SCRIPT} wait=5 # as shipped\n"}, ["etc/pam.d/su:1"]),
        ({"etc/pam.d/su": "account \\\n  pam_python.so \\\n  [/x/pam_jit.py]\n"}, ["etc/pam.d/su:1"]),
        ({"etc/pam.d/su": GUARD}, ["etc/pam.d/su:1"]),
        ({"etc/pam.d/su": "@include gate\n", "etc/pam.d/gate": OF_0_1}, ["etc/pam.d/gate:2", "etc/pam.d/gate:4"]),
        ({"etc/pam.d/su": "@include /opt/gate\n", "opt/gate": GUARD}, ["opt/gate:1"]),
        ({"etc/pam.d/su": "account \\\n include /opt/gate # x\n", "opt/gate": GUARD}, ["opt/gate:1"]),
        ({"etc/pam.d/su": "account substack /opt/a\n", "opt/a": "@include /opt/b\n", "opt/b": GUARD}, ["opt/b:1"]),
        ({"etc/pam.d/su": "@include /opt/a\n", "opt/a": f"@include /opt/a\n{GUARD}"}, ["opt/a:2"]),
        ({"etc/pam.d/su.disabled": OF_0_1}, ["etc/pam.d/su.disabled:2", "etc/pam.d/su.disabled:4"]),
        ({"etc/pam.d/su": ">../../opt/su", "opt/su": GUARD}, ["etc/pam.d/su:1"]),
        ({"etc/pam.d/su": ">su-l", "etc/pam.d/su-l": GUARD}, ["etc/pam.d/su:1"]),
        ({"usr/lib/pam.d/own": GUARD}, ["usr/lib/pam.d/own:1"]),
        ({"etc/pam.conf": f"su {GUARD}"}, ["etc/pam.conf:1"]),
        ({"etc/pam.conf": "su account include /opt/gate\n", "opt/gate": GUARD}, ["opt/gate:1"]),
        ({"etc/pam.d/su": "@include below/gate\n", "etc/pam.d/below/gate": GUARD}, ["etc/pam.d/below/gate:1"]),
        ({"etc/pam.d/su": "@include ../gate\n", "etc/gate": GUARD}, ["etc/pam.d/../gate:1"]),
        ({"etc/pam.d/su": "@include .gate\n", "etc/pam.d/.gate": GUARD}, ["etc/pam.d/.gate:1"]),
        ({"etc/pam.d/su": "account include GATE\n", "etc/pam.d/GATE": GUARD}, ["etc/pam.d/GATE:1"]),
        ({"etc/pam.d/su": "ACCOUNT [SubStack] /opt/gate\n", "opt/gate": GUARD}, ["opt/gate:1"]),
        ({"etc/pam.d/su": "-@Include [/opt/a gate]\n", "opt/a gate": GUARD}, ["opt/a gate:1"]),
        ({"etc/pam.d/su": "account include \\\n# x\n\n/opt/gate\n", "opt/gate": GUARD}, ["opt/gate:1"]),
        ({"etc/pam.d/su": f"{'#' * 1023}{GUARD}"}, ["etc/pam.d/su:1"]),
        ({"etc/pam.d/su": f"# \xfc\naccount requisite pam_\xfc.so\n{GUARD}"}, ["etc/pam.d/su:3"]),
        ({"etc/pam.d/su": "account required pam_python.so /x/ask\n", "x/ask": ">/usr/lib/jitd/pam_jit.py"}, ["etc/pam.d/su:1"]),
        ({"etc/pam.d/su": ">/opt/a", "opt/a": ">b", "opt/b": GUARD}, ["etc/pam.d/su:1"]),
        ({"etc/pam.d/su": ">su", "etc/pam.d/su-l": GUARD}, ["etc/pam.d/su-l:1"]),
        ({"usr/share/pam-configs/Jit": f"Name: x\nAccount:\n\t[default=1] {SCRIPT}\n"}, ["usr/share/pam-configs/Jit:3"]),
    ],
)  # fmt: skip
def test_a_line_that_names_what_is_gone_is_found(files: dict[str, str], lines: list[str], tmp_path: Path) -> None:
    """THREATS P-17."""
    assert named(tmp_path, files) == lines


@pytest.mark.parametrize("seed", range(2000, 2004))
def test_every_line_by_which_either_libpam_would_load_it_is_found(seed: int, tmp_path: Path) -> None:
    """THREATS P-17: whatever a stack looks like (test_same_as_libpam holds the model beside libpam)."""
    author, n_found = Author(seed, "/opt/"), 0
    for round_ in range(60):
        own = {name: text.replace(b"pam_permit.so", b"pam_jit.py") for name, text in author.files().items()}
        sources = {f"/opt/{name}": Source(f"opt/{name}", text) for name, text in own.items()}
        top = Source("etc/pam.d/x", own["x"])
        stacks = [read("x", top, sources.get, libpam) for libpam in LINES]
        lines = {f"{step.place}" for stack in stacks for steps in stack.handlers.values() for step in steps
                 if step.module == "pam_jit.py" and not step.must_fail}  # fmt: skip
        files = {source.file: source.data.decode("latin-1") for source in (top, *sources.values())}
        assert lines <= {*named(tmp_path / str(round_), files)}, own
        n_found += len(lines)
    assert n_found > 60


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"etc/pam.d/su": f"account required pam_jit.so\n{SUDO}"},
        {"etc/pam.d/cron": "".join(f"#{line}\n" for line in OF_0_1.splitlines())},
        {"etc/pam.d/su": "account required pam_python.so /x/pam_jit.pyx\n"},
        {"etc/pam.d/su": "@include /opt/nothing\n"},
        {"etc/pam.d/su": ">nowhere"},
        {"etc/pam.d/below/su": GUARD},
        {"etc/pam.d/notes": f"su asked by {SCRIPT} until now\n"},
        {"etc/pam.d/README": GUARD},
        {f"etc/pam.d/{name}": GUARD for name in ("su~", "#su#", ".su.swp", "su.dpkg-old", "su.ucf-dist", "common-auth.pam-old")},
        {"etc/pam.d/su": "account required pam_python.so /opt/spam_jit.py\n"},
        {"etc/pam.d/su": "account include /opt/a\0b\n@include /opt\n@include\naccount include"},
        {"etc/pam.d": GUARD},
    ],
)
def test_what_names_none_stops_nobody(files: dict[str, str], tmp_path: Path) -> None:
    assert named(tmp_path, files) == [] == gone.reasons(str(tmp_path))


@pytest.mark.parametrize(
    ("files", "commands"),
    [
        ({"su": OF_0_1, "su-l": OF_0_1, "sudo-i": OF_0_1, "sshd": f"session required {SCRIPT}\n"}, ["sshd", "su", "sudo"]),
        ({"su": f"account requisite pam_jit.so\n{GUARD}"}, []),  # for which --exchange puts pam_jit.py in
        ({"su": f"account requisite pam_jit.so\naccount required [{SCRIPT}]\n"}, []),
        ({"su.disabled": OF_0_1, "su": "account requisite pam_jit.so\n"}, []),
        ({"own": OF_0_1}, []),
        ({"su": ">own", "own": OF_0_1}, []),  # which it refuses
    ],
)
def test_each_command_that_is_told_does_what_it_is_told_for(files: dict[str, str], commands: list[str], tmp_path: Path) -> None:
    said = told(tmp_path, {f"etc/pam.d/{name}": text for name, text in files.items()})
    begins = f"    chroot {tmp_path} jitd pam-install --exchange "  # without chroot, it would change this host
    assert [line.removeprefix(begins) for line in said if line.startswith("    ")] == commands


def test_a_stack_that_cannot_be_read_counts(tmp_path: Path) -> None:
    (said, *_) = told(tmp_path, {"etc/pam.d/su": f">{'../' * 20}proc/self/mem"})
    assert said.startswith(f"{tmp_path}/etc/pam.d/su cannot be read (Input/output error)")


def test_the_package_is_refused_before_it_is_unpacked_and_an_upgrade_that_failed_is_taken_back(tmp_path: Path) -> None:
    """THREATS P-17: by the script that dpkg runs, as it is in the package."""
    script = load("deb/divide").filled((TREE / "contrib/deb/debian/jitsudo.preinst").read_text("utf-8"))
    assert script.count('reasons("/")') == 1
    script = script.replace('reasons("/")', f'reasons("{tmp_path}")').replace("/var/lib/jitd/", f"{tmp_path}/")
    script = script.replace("/usr/share/jitd/", f"{tmp_path}/")  # a lab has one of make install

    def plays(*arguments: str) -> tuple[int, str]:
        done = subprocess.run(["sh", "-c", script, "preinst", *arguments], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    assert plays("upgrade", "0.2.0") == plays("install") == (0, "")
    named(tmp_path, {"etc/pam.d/su": OF_0_1 + SUDO})
    for words in (("upgrade", "0.1.0"), ("upgrade", "0.2.0"), ("install",), ("install", "0.1.0")):
        status, said = plays(*words)
        assert status == 1 and f"jitsudo: {tmp_path}/etc/pam.d/su:4 names pam_jit.py" in said
        assert "jitd pam-install --exchange su\n" in said and "install 0.2 first" in said
    assert plays("abort-upgrade", "0.4.0") == (0, "")


def test_a_board_is_left_as_it_is_when_its_jitsudo_was_refused(tmp_path: Path) -> None:
    """Otherwise apt would install no other version, such as the one that the refusal tells of, without its board."""
    control = (TREE / "contrib/deb/debian/control").read_text("utf-8")
    needs = re.findall(r"(?m)^(?:Pre-)?Depends: jitsudo \(.*\) \| jitsudo-client \([^)]*\)", control)
    for version in ("1", "2"):
        for name, own in (("jitsudo", []), ("jitsudo-board", needs)):
            about = tmp_path / f"{name}-{version}/DEBIAN"
            about.mkdir(parents=True)
            said = [f"Package: {name}", f"Version: {version}", "Architecture: all", "Maintainer: x", "Description: x", *own]
            (about / "control").write_text("\n".join([*said, ""]).replace("${binary:Version}", version))
            if (name, version) == ("jitsudo", "2"):
                (about / "preinst").write_text('#!/bin/sh\n[ "$1" = abort-upgrade ]\n')
                (about / "preinst").chmod(0o755)
            subprocess.run(["dpkg-deb", "-b", about.parent], check=True, stdout=subprocess.DEVNULL)
    host = tmp_path / "host"
    (host / "var/lib/dpkg/updates").mkdir(parents=True)
    (host / "var/lib/dpkg/info").mkdir()
    (host / "var/lib/dpkg/status").touch()
    dpkg = ["dpkg", f"--root={host}", "--log=/dev/null", "--force-script-chrootless,not-root,bad-path"]
    for names in (("jitsudo-1",), ("jitsudo-board-1",), ("jitsudo-2", "jitsudo-board-2")):
        archives = [tmp_path / f"{name}.deb" for name in names]
        done = subprocess.run([*dpkg, "-i", *archives], capture_output=True, check=False)
        assert done.returncode == len(names) - 1, done.stderr
    assert (host / "var/lib/dpkg/status").read_text().count("Status: install ok installed\n") == 2
