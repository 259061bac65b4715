# SPDX-License-Identifier: Apache-2.0
"""What is left of the words that people typed after a real daemon has run their commands and they were forgotten.

Law: a planted word stands in what people typed, and nowhere else. It is looked for in the whole state, below /run and in the log.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from jitd.core.values import FORGOTTEN
from jitd.deciding.origins import moment
from jitd.lifecycle.forgetting import Forgetting
from jitd.lifecycle.integrity import Noted
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.store.sqlite import SqliteStore
from tests.system.conftest import House

pytestmark = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's people")
KEPT_FOR = 400 * 86400
RULE = """
[[permit]]
name = "owed"
who = ["group:dba"]
run_as = ["*"]
commands = [["/usr/bin/dash", "**"], ["/usr/bin/sleep", "**"], ["sudoedit", "/etc/planted/*"]]
approvals = [{ need = 1, from = ["group:ops"] }]
grant = { lasts = "1h", uses = 9 }
run = { record = "none" }
"""
PLANTED = [f"pLanted-{where}" for where in ("argument", "reason", "comment", "denial", "lock", "unlock", "script", "old", "new")]


def places(house: House) -> list[Path]:
    """The state without the recordings, what is below /run, and the log, which is the journal elsewhere."""
    below = [file for top in (house.database.parent, house.socket.parent) for file in top.rglob("*")]
    return [house.log_file, *(file for file in below if file.is_file() and "recordings" not in file.parts)]


def found(house: House) -> dict[str, list[str]]:
    contents = {str(file): file.read_bytes() for file in places(house)}
    hits = {word: [name for name, content in contents.items() if word.encode() in content] for word in PLANTED}
    return {word: names for word, names in hits.items() if names}


def test_no_planted_word_is_left_in_the_state_in_run_or_in_the_log(own_house: Callable[..., House]) -> None:
    """THREATS L-10."""
    house = own_house(RULE).start()
    script = house.root / "x.sh"
    script.write_text(": pLanted-script\n")
    script.chmod(0o644)
    done = house.ask("alice", "--reason", "pLanted-reason", "dash", "-c", ": pLanted-argument")
    assert house.approve(done.id, "bob", "--comment", "pLanted-comment").returncode == 0
    assert done.end() == 0, done.err
    read = house.ask("alice", "dash", str(script))
    assert house.approve(read.id).returncode == 0
    read.end()
    place, copy = Path("/etc/planted/x"), house.root / "copy"
    place.parent.mkdir()
    place.write_text("pLanted-old\n")
    copy.write_text("pLanted-new\n")
    digests = [hashlib.sha256(file.read_bytes()).hexdigest().encode() for file in (place, copy)]
    edited = house.ask("alice", "-e", str(place), "--from", str(copy))
    assert house.approve(edited.id).returncode == 0 and edited.end() == 0, edited.err
    copy.unlink()
    shutil.rmtree(place.parent)
    denied = house.ask("alice", "dash", "-c", ":")
    assert house.deny(denied.id, reason="pLanted-denial").returncode == 0
    locked = house.jitd("lock", "--user", "eve", "--reason", "pLanted-lock", who="root")
    assert locked.returncode == 0, locked
    (lock,) = house.rows("locks")
    assert house.jitd("unlock", lock["id"], "--reason", "pLanted-unlock").returncode == 0
    house.stop()
    there = found(house)
    assert there.keys() == {*PLANTED}
    assert {Path(name).name.removesuffix("-wal") for names in there.values() for name in names} == {house.database.name}
    n = forget(house)
    assert n >= 4
    assert found(house) == {}
    assert not [file for file in places(house) for digest in digests if digest in file.read_bytes()]
    house.start()
    shown = house.show(done.id)
    assert shown["argv"] == ["dash", FORGOTTEN], shown
    assert shown["claims"].get("reason", shown.get("reason")) == FORGOTTEN, shown
    page = house.jitd("show", done.id)
    assert page.returncode == 0 and FORGOTTEN in page.stdout
    assert {row["id"] for row in house.rows("requests", "--all")} >= {done.id, denied.id}
    record = house.jitd("audit", "show")
    assert record.returncode == 0 and "value.forgotten" in record.stdout
    assert "to run dash ‹forgotten› as " in record.stdout and ": ‹forgotten›" in record.stdout
    house.verify()
    again = house.ask("alice", "--reason", "pLanted-reason", "dash", "-c", ": pLanted-argument")
    assert house.approve(again.id).returncode == 0 and again.end() == 0


def forget(house: House) -> int:
    """Forget what is older than the setting, as a daemon does after 401 days of this boot."""
    after = timedelta(days=401)
    with closing(SqliteStore(house.database)) as store:
        then = lambda: replace(moment(), at=moment().at + after)  # noqa: E731  # records of this boot follow
        later = lambda: replace(then(), boot=then().boot + after.total_seconds())  # noqa: E731
        lifecycle = Lifecycle(store, then, lambda: "", Noted(house.socket.parent / "head").write)
        first = asyncio.run(Forgetting(store, lifecycle, later, KEPT_FOR).forget())
        return first + asyncio.run(Forgetting(store, lifecycle, later, KEPT_FOR).forget())
