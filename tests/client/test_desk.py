# SPDX-License-Identifier: Apache-2.0
"""The wheel of contrib/wheel in a venv: what is in it, and what ``jitd`` says where there is no daemon."""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from pathlib import Path

import pytest

from contrib.scripts import load
from jitd.cli import HIDDEN, VERBS
from jitd.cli.far import AT_THE_DOOR, OF_MANY
from jitpam import __version__
from tests.desk import PIP, desk, packed, wheel_of_tip
from tests.law.tree import TREE

NAMELESS = "jitd: this is a desk, without a jitd of its own: type jitd --host db17.example.org --via 'ssh -T jitd-door@db17'\n"
THERE = ("--host", "db17.example.org", "--via", "false")
client = load("client.py")
OF_NATS = {"jitd_fleet.agent", "jitd_fleet.desk", "jitd_fleet.engine"}
"""What takes nats-py, which the desk of a wheel may lack (ADR 0167)."""
TO_IMPORT = f"""
import importlib, pkgutil, sys
for package in ("jitd", "jitpam", "jitd_fleet"):
    for found in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
        if found.name not in {OF_NATS!r}:
            importlib.import_module(found.name)
print(*sys.modules, sep="\\n")
"""


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return desk(tmp_path_factory.mktemp("desk") / "of-wheel")


def typed(programs: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """``jitd words`` at the desk, without a ticket."""
    environ = {"KRB5CCNAME": "FILE:/nonexistent", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "COLUMNS": "80"}
    line = [programs / "jitd", *words]
    return subprocess.run(line, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def test_it_says_its_version(programs: Path) -> None:
    done = typed(programs, "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"jitd {__version__}\n", "")


def test_each_module_of_it_is_imported_with_what_it_declares_alone(programs: Path) -> None:
    subprocess.run([*PIP, "--python", programs / "python", "check"], check=True)
    line = [programs / "python", "-I", "-c", TO_IMPORT]
    imported = {*subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()}
    assert client.modules().keys() - OF_NATS <= imported
    assert not imported & {"jitd.daemon", "msgspec", "gssapi", "systemd", "cryptography", "rich"}


def test_it_is_python_alone(programs: Path) -> None:
    (wheel,) = programs.parents[1].glob("jitsudo_client-*-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as made:
        names = {name for name in made.namelist() if ".dist-info/" not in name and ".data/data/share/man/" not in name}
    assert names == client.files().keys() and {name for name in names if not name.endswith(".py")} == set()
    assert (programs.parent / "share/man/man8/jitd-approve.8").is_file()


@pytest.mark.parametrize("words", [(), ("requests",), ("approve", "--yes", "K7QM-2XVD"), ("audit", "show"), ("status",)])
def test_without_a_host_it_says_what_to_type(programs: Path, words: tuple[str, ...]) -> None:
    done = typed(programs, *words)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", NAMELESS)


OF_A_HOST = [verb for verb in sorted(VERBS - HIDDEN - {"audit"}) if verb not in AT_THE_DOOR]


@pytest.mark.parametrize("verb", [*OF_A_HOST, "audit verify", "audit key", "audit export", "audit pack", "audit report"])
def test_a_verb_of_a_host_says_what_makes_a_host_of_a_desk(programs: Path, verb: str) -> None:
    for words in ((), ("--help",), ("K7QM-2XVD", "--some-option")):
        done = typed(programs, *verb.split(), *words)
        said = f"jitd: {verb} is for a host, and this is a desk: install jitsudo to make it a host\n"
        assert (done.returncode, done.stdout, done.stderr) == (2, "", said)
    done = typed(programs, *THERE, *verb.split())
    said = "apt install jitsudo-board" if verb in OF_MANY else f"jitd {verb} cannot be used with --host"
    assert done.returncode == 2 and said in done.stderr


def test_it_lists_and_completes_the_verbs_that_it_has(programs: Path) -> None:
    there = {verb.partition(" ")[0] for verb in AT_THE_DOOR}
    done = typed(programs, "--help")
    listed = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ") and not line.startswith("   ")}
    assert done.returncode == 0 and listed & VERBS == there, done
    assert "jitd approve " in done.stdout and "jitd explain" not in done.stdout
    assert "jitd audit verify" not in typed(programs, "audit", "--help").stdout
    assert {*typed(programs, "complete", "").stdout.split()} == there
    assert typed(programs, "complete", "audit", "").stdout.split() == ["show"]


def test_with_a_host_it_takes_a_ticket_and_says_so(programs: Path) -> None:
    done = typed(programs, *THERE, "requests")
    assert done.returncode == 119 and "ticket" in done.stderr, done


def test_what_verifies_packs_is_not_at_a_desk_and_it_says_so(programs: Path) -> None:
    done = typed(programs, "--version", "-v")
    assert done.returncode == 2
    assert done.stderr == "jitd: verify.py is not installed: this is a desk: install jitsudo to make it a host\n"


def test_two_clones_give_the_same_wheel(tmp_path: Path) -> None:
    digests = []
    for number, place in enumerate(("one", "further/down/another")):
        clone = tmp_path / place
        subprocess.run(["git", "clone", "--quiet", "--shared", TREE, clone], umask=number * 0o22, check=True)
        wheel = wheel_of_tip(clone / "build", clone, TZ=("UTC", "Asia/Tokyo")[number])
        digests.append((wheel.name, hashlib.sha256(wheel.read_bytes()).hexdigest()))
    assert digests[0] == digests[1]
    later = wheel_of_tip(tmp_path, SOURCE_DATE_EPOCH="1900000000")
    with zipfile.ZipFile(later) as made:
        assert {about.date_time for about in made.infolist()} == {(2030, 3, 17, 17, 46, 40)}


def test_nats_py_alone_is_enough_for_hosts_that_only_dial_out(programs: Path, tmp_path: Path) -> None:
    """As in the package jitsudo-client, which has this one more."""
    packed("nats_py", tmp_path)
    code = f"""
import sys
sys.path.append({str(next(tmp_path.iterdir()))!r})
from jitd_fleet import agent, desk, engine, nkey
print(len(nkey.Key(nkey.make()).sign("nonce")), "cryptography" in sys.modules)
"""
    done = subprocess.run([programs / "python", "-I", "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("88 False\n", "")


def test_a_host_that_takes_what_is_not_here_is_told_so_and_nothing_fails_otherwise(programs: Path) -> None:
    code = """
from jitd_fleet.nats_carrier import Nats
from jitpam.client import Unreachable
try:
    Nats(("tls://hub1.example.org:4222",)).dial("db17.example.org", 1.0)
except Unreachable as fault:
    print(fault)
"""
    done = subprocess.run([programs / "python", "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ("nats at hub1.example.org:4222 takes the Python package nats-py, which is not here\n")
