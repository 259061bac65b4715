# SPDX-License-Identifier: Apache-2.0
"""The kernel on a host that lacks an extension: it asks, approves, runs, records and revokes all the same (ADR 0156)."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd.extensions import EXTENSIONS
from tests.marks import by_day, full
from tests.system.conftest import House

INSTALLED = Path("/usr/lib/jitd")
START = """#!/usr/bin/python3 -IS
import sys

sys.path += [{library!r}, "/usr/lib/jitd/site-packages"]
from jitd.cli import main

raise SystemExit(main())
"""
ALL = "all of them"
LACKING = by_day(
    [*EXTENSIONS, ALL],
    [ALL],
    full("every day, all are missing at once; tests/law/test_imports.py sees whatever imports one of them"),
)


@pytest.fixture
def lacking(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What is missing, and the command ``jitd`` of a product that has been installed without it."""
    place = tmp_path_factory.mktemp("without")
    place.chmod(0o755)
    missing = {f"jitd_{name}" for name in EXTENSIONS if request.param in (name, ALL)}
    shutil.copytree(INSTALLED, place / "lib", ignore=lambda _, names: {"site-packages", *missing} & {*names})
    command = place / "jitd"
    command.write_text(START.format(library=str(place / "lib")))
    command.chmod(0o755)
    return request.param, command


@pytest.fixture
def house(lacking: tuple[str, Path]) -> Iterator[House]:
    here = House(starts_by=str(lacking[1]))
    try:
        yield here.start()
    finally:
        here.close()


@pytest.mark.parametrize("lacking", LACKING, indirect=True)
def test_a_command_is_asked_for_approved_run_and_recorded(house: House) -> None:
    asking = house.ask("alice", "--reason", "x", "sh", "-c", "id -u")
    house.approved(asking.id)
    assert asking.end() == 0 and asking.out == "0\n", asking.err
    events = [json.loads(line)["event"] for line in house.jitd("audit", "show", "--json", who="root").stdout.splitlines()]
    assert {"request.submitted", "request.reviewed", "grant.issued", "run.ended"} <= set(events)


@pytest.mark.parametrize("lacking", LACKING, indirect=True)
def test_a_grant_is_revoked_while_it_runs(house: House) -> None:
    asking = house.ask("alice", "--reason", "x", "sleep", "600")
    house.approved(asking.id)
    assert house.jitd("revoke", asking.id, who="root").returncode == 0
    assert asking.end() != 0


@pytest.mark.parametrize("lacking", LACKING, indirect=True)
def test_the_record_is_exported_and_verified(lacking: tuple[str, Path], house: House) -> None:
    asking = house.ask("alice", "--reason", "x", "true")
    house.approved(asking.id)
    assert asking.end() == 0, asking.err
    jitd = str(lacking[1])
    assert asking.id in house.run("root", jitd, "audit", "export").stdout
    verified = house.run("root", jitd, "audit", "verify", f"--config={house.config_file}")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "ssh-ed25519" in house.run("root", jitd, "audit", "key").stdout


@pytest.mark.parametrize("lacking", ["evidence", ALL], indirect=True)
def test_evidence_is_refused_by_the_verb_and_by_the_daemon_and_nothing_is_recorded(
    lacking: tuple[str, Path], house: House
) -> None:
    """A client that was installed later asks a daemon that does not have the extension."""
    records = house.jitd("audit", "show", "--json", who="root").stdout
    for words in (("report",), ("pack", "--out", f"{house.root}/pack.zip", "K7QM-2XVD"), ("report", "--kept", "2026-11")):
        absent = house.run("root", str(lacking[1]), "audit", *words)
        assert (absent.returncode, absent.stdout) == (2, "")
        assert absent.stderr == f"jitd: jitd audit {words[0]} is not installed: install the extension evidence in /usr/lib/jitd\n"
        later = house.jitd("audit", *words, who="root")
        assert (later.returncode, later.stdout) == (2, "")
        assert "the part that answers it is not installed; install it, and restart jitd\n" in later.stderr
    assert not (house.root / "pack.zip").exists()
    assert house.jitd("audit", "show", "--json", who="root").stdout == records != ""


@pytest.mark.parametrize("lacking", LACKING, indirect=True)
def test_the_settings_and_the_rules_are_read(lacking: tuple[str, Path], house: House) -> None:
    done = subprocess.run(
        [lacking[1], "check", house.config_file, house.root / "policy.d/50-test.toml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("lacking", LACKING, indirect=True)
def test_every_module_that_is_there_can_be_imported(lacking: tuple[str, Path]) -> None:
    library = lacking[1].parent / "lib"
    names = sorted(
        ".".join(file.relative_to(library).with_suffix("").parts).removesuffix(".__init__")
        for package in ("jitd", "jitpam")
        for file in (library / package).rglob("*.py")
    )
    assert len(names) > 300
    code = f"""
import sys, importlib
sys.path += [{str(library)!r}, "/usr/lib/jitd/site-packages"]
for name in {names!r}:
    importlib.import_module(name)
"""
    done = subprocess.run(["/usr/bin/python3", "-IS", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
