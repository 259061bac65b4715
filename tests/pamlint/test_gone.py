# SPDX-License-Identifier: Apache-2.0
"""What speaks against an installation: each line of a PAM stack that names the module of 0.1 or its guard."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from contrib import gone
from contrib.scripts import load
from tests.law.tree import TREE
from tests.pamlint.host import OF_0_1, SCRIPT, SUDO

GUARD = "account requisite pam_exec.so seteuid /usr/bin/python3 -IS /usr/lib/jitd/jitpam/pam_guard.py\n"


def named(host: Path, files: dict[str, str]) -> list[str]:
    """FILE:LINE of each line that is told of a host with these ``files``; a text that begins with > is where a link leads."""
    for name, text in files.items():
        file = host / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.symlink_to(text[1:]) if text.startswith(">") else file.write_text(text)
    told = gone.reasons(str(host))
    assert told == [] or told[-len(gone.MEND.splitlines()) :] == gone.MEND.splitlines()
    return [line.partition(" ")[0].removeprefix(f"{host}/") for line in told if "which this version does not have" in line]


@pytest.mark.parametrize(
    ("files", "lines"),
    [
        ({"etc/pam.d/su": OF_0_1 + SUDO}, ["etc/pam.d/su:2", "etc/pam.d/su:4"]),
        ({"etc/pam.d/su": f"account required {SCRIPT} wait=5 # as shipped\n"}, ["etc/pam.d/su:1"]),
        ({"etc/pam.d/su": "account \\\n  pam_python.so \\\n  [/x/pam_jit.py]\n"}, ["etc/pam.d/su:3"]),
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
    ],
)  # fmt: skip
def test_a_line_that_names_what_is_gone_is_found(files: dict[str, str], lines: list[str], tmp_path: Path) -> None:
    """THREATS P-17."""
    assert named(tmp_path, files) == lines


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
    ],
)
def test_what_names_none_stops_nobody(files: dict[str, str], tmp_path: Path) -> None:
    assert named(tmp_path, files) == [] == gone.reasons(str(tmp_path))


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
        assert "jitd pam-install --exchange SERVICE" in said and "install 0.2 first" in said
    assert plays("abort-upgrade", "0.4.0") == (0, "")
