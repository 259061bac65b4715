# SPDX-License-Identifier: Apache-2.0
"""``jitd audit pack`` against a real daemon, as an auditor uses it: a verify.py that knows nothing of jitd checks the pack."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pexpect
import pytest

from jitd_evidence.pack.verifier import verifier
from tests.on_terminal import OnTerminal
from tests.system.conftest import House, house_with
from tests.waiting import wait_for

POLICY = """
# why: the databases are ours
[[permit]]
name = "kept"
who = ["group:dba"]
commands = [["**"]]
approvals = [{ need = 1, from = ["group:ops"] }]
grant = { lasts = "1h", uses = 100 }
run = { record = "output" }
"""


kept = house_with(POLICY)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory in which everybody may write."""
    for above in (tmp_path.parent, tmp_path.parent.parent):
        above.chmod(above.stat().st_mode | 0o011)
    tmp_path.chmod(0o777)
    return tmp_path


def recorded(house: House) -> str:
    asking = house.ask("alice", "sh", "-c", "printf 'hello <b>\\n'; exit 3")
    house.approved(asking.id)
    asking.end()
    wait_for(lambda: house.run_of(asking.id).outcome)
    return asking.id


def pack(house: House, *words: str, who: str = "dave", cwd: Path) -> subprocess.CompletedProcess[str]:
    return house.run(who, "env", "-C", str(cwd), "jitd", "audit", "pack", *words)


def verified(house: House, file: Path) -> subprocess.CompletedProcess[str]:
    """By the file alone, with an interpreter that sees nothing of the project."""
    key = file.parent / "host.pub"
    key.write_text(house.jitd("audit", "key").stdout)
    own = file.parent / "own.py"
    own.write_bytes(verifier())
    line = [sys.executable, "-I", str(own), "--key", str(key), str(file)]
    return subprocess.run(line, capture_output=True, text=True, check=False, cwd="/")


def test_a_pack_of_an_approved_and_recorded_run_is_proved_far_from_the_host(kept: House, place: Path) -> None:
    """THREATS L-26."""
    id = recorded(kept)
    done = pack(kept, id.lower(), "--out", str(place / "p.zip"), cwd=place)
    assert done.returncode == 0, done.stderr
    assert (place / "p.zip").stat().st_mode & 0o777 == 0o600
    checked = verified(kept, place / "p.zip")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    with zipfile.ZipFile(place / "p.zip") as files:
        names = files.namelist()
        page = files.read("index.html").decode()
        trace = json.loads(files.read("trace.json"))
        assert "hello <b>" in files.read(f"recordings/{id}.cast").decode()
        policies = [json.loads(files.read(name)) for name in names if name.startswith("policy-")]
    assert trace["same"] and trace["says"]["rule"] == "kept", trace
    assert [name for name in names if name.startswith("recordings/")] == [f"recordings/{id}.jitd", f"recordings/{id}.cast"]
    assert [one["text"] for one in policies[0]["files"]] == [POLICY]
    assert "bob@" in page and "alice@" in page
    (made,) = [one for one in kept.records() if one["event"] == "pack.made"]
    assert (made["detail"]["id"], made["actor"].partition("@")[0]) == (id, "dave")


def test_a_pack_has_a_name_of_its_own_and_replaces_nothing(kept: House, place: Path) -> None:
    id = recorded(kept)
    assert pack(kept, id, cwd=place).returncode == 0
    first = (place / f"jitd-{id}.zip").read_bytes()
    again = pack(kept, id, cwd=place)
    assert again.returncode == 1 and "exists already: name another file with --out" in again.stderr
    (place / "link").symlink_to(place / "nowhere")
    assert pack(kept, id, "--out", "link", cwd=place).returncode == 1
    assert (place / f"jitd-{id}.zip").read_bytes() == first
    assert sorted(one.name for one in place.iterdir()) == [f"jitd-{id}.zip", "link"]


def test_where_nobody_may_write_nothing_is_recorded(kept: House, place: Path) -> None:
    id = recorded(kept)
    before = kept.head().number
    for file, why in (("/root/p.zip", "Permission denied"), (f"{place}/none/p.zip", "No such file or directory")):
        done = pack(kept, id, "--out", file, cwd=place)
        assert done.returncode == 1 and done.stderr == f"jitd: cannot write {file}: {why}\n"
    assert not [one for one in kept.records(before) if one["event"] == "pack.made"]


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_who_oversees_nothing_gets_no_pack_and_no_file(kept: House, place: Path, who: str) -> None:
    """THREATS L-26."""
    id = recorded(kept)
    before = kept.head().number
    done = pack(kept, id, who=who, cwd=place)
    assert done.returncode != 0 and "only operators, auditors and root may make a pack" in done.stderr
    assert not list(place.iterdir())
    assert not [one for one in kept.records(before) if one["event"] == "pack.made"]


def test_a_pack_goes_to_a_pipe_and_not_to_a_terminal(kept: House, place: Path) -> None:
    id = recorded(kept)
    line = kept.line("root", "jitd", "audit", "pack", id, "--no-recordings", "--out", "-")
    piped = subprocess.run(line, capture_output=True, check=False, cwd="/")
    assert piped.returncode == 0, piped.stderr
    (place / "p.zip").write_bytes(piped.stdout)
    assert verified(kept, place / "p.zip").returncode == 0
    assert not [name for name in zipfile.ZipFile(place / "p.zip").namelist() if name.startswith("recordings/")]
    shown = OnTerminal(os.fsdecode(line[0]), [os.fsdecode(word) for word in line[1:]], encoding="utf-8")
    shown.expect("a pack is not for a terminal")
    shown.expect(pexpect.EOF)


def test_a_pack_that_was_changed_is_not_proved(kept: House, place: Path) -> None:
    id = recorded(kept)
    assert pack(kept, id, "--out", "p.zip", cwd=place).returncode == 0
    assert verified(kept, place / "p.zip").returncode == 0
    data = bytearray((place / "p.zip").read_bytes())
    data[data.index(b"hello <b>")] ^= 32
    (place / "p.zip").write_bytes(data)
    done = verified(kept, place / "p.zip")
    assert done.returncode == 1 and "the zip file was changed or damaged" in done.stdout
