# SPDX-License-Identifier: Apache-2.0
"""``jitsudo -e`` against who asks, who owns the place, and what is killed or full at the wrong moment."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from jitpam.wire import messages
from jitpam.wire.shown import unshown
from tests.attacks.raw import asked, connected, shown_to
from tests.system.conftest import House, house_with
from tests.system.killing import launcher_of, monitor_of
from tests.waiting import handles, status_of, wait_for

PLACE = Path("/etc/edits-attacked")
COPY = Path("/home/alice/attack.conf")
OLD, NEW = b"listen 80;\nroot /srv;\n", b"listen 8080;\nroot /srv;\n"
RULES = """
[[permit]]
name = "site"
who = ["group:dba"]
run_as = ["*"]
commands = [["sudoedit", "/etc/edits-attacked/*"], ["/usr/bin/dash", "**"]]
approvals = [{ need = 1, from = ["group:ops"] }]

[[permit]]
name = "full"
who = ["group:dba"]
commands = [["sudoedit", "/etc/edits-attacked/full/*"]]

[[permit]]
name = "slow"
who = ["group:dba"]
commands = [["sudoedit", "/etc/edits-attacked/slow/*"]]
run = { check = ["/bin/sh", "-c", "touch /run/edit-is-checked; while test ! -e /run/edit-may-go; do sleep 0.05; done", "x"] }
"""
CHECKED, MAY_GO = Path("/run/edit-is-checked"), Path("/run/edit-may-go")


house = house_with(RULES)


@pytest.fixture(autouse=True)
def site() -> Iterator[Path]:
    for name in ("full", "slow"):
        (PLACE / name).mkdir(parents=True)
    file = PLACE / "site.conf"
    file.write_bytes(OLD)
    COPY.write_bytes(NEW)
    os.chown(COPY, 4001, 4001)
    yield file
    shutil.rmtree(PLACE)
    for one in (COPY, CHECKED, MAY_GO):
        one.unlink(missing_ok=True)


def test_a_text_that_was_approved_to_be_written_is_not_called_approved_when_it_is_to_run(house: House, site: Path) -> None:
    """THREATS R-33."""
    COPY.write_bytes(b"#!/bin/sh\nid >/tmp/ran\n")
    asking = house.ask("alice", "-e", str(site), "--from", str(COPY))
    house.approved(asking.id)
    assert asking.end() == 0
    running = house.ask("alice", "/usr/bin/dash", str(site))
    (text,) = shown_to(house, "bob", running.id)["scripts"]
    page = house.jitd("show", running.id, who="bob").stdout
    house.deny(running.id)
    assert unshown(text["text"]) == COPY.read_bytes()
    assert text["before"] is None and text["last"] is None and "approved on" not in page, page


def test_an_approver_does_not_read_that_a_written_text_is_taken_back(house: House, site: Path) -> None:
    """THREATS R-33."""
    asking = house.ask("alice", "-e", str(site), "--from", str(COPY))
    page = house.jitd("show", asking.id, who="bob").stdout
    house.deny(asking.id)
    assert "taken back   NOTHING: what is written stays written\n" in page and "MAY LIVE" not in page, page


NAMES = [
    b"two\nlines",
    b"esc\x1b[2J",
    "\u202egnp.exe".encode(),
    b"\xff\xfe",
    b"-e",
    b"a b 'c' \\x41",
    b"x" * 255,
    "\u00e9".encode() * 127,
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_file_of_whatever_name_is_edited_or_refused_and_its_name_is_no_sentence(house: House, name: bytes) -> None:
    """THREATS R-33."""
    path = os.path.join(os.fsencode(PLACE), name)
    with open(path, "wb") as file:
        file.write(OLD)
    asking = house.ask("alice", "-e", b"--from", os.fsencode(COPY), b"--", path)
    id = asking.id
    row = shown_to(house, "bob", id)
    assert [unshown(word) for word in row["argv"]] == [b"sudoedit", path]
    page = house.jitd("show", id, who="bob").stdout
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e]", page)
    assert not any(line.startswith("lines") for line in page.splitlines())
    house.approved(id)
    assert asking.end() == 0, asking.err
    with open(path, "rb") as file:
        assert file.read() == NEW
    assert len(os.listdir(PLACE)) == 4


TEXTS = [
    b"x" * (64 * 1024),
    b"\x1b[2J" * 100 + b"end\n" * 2000,
    b"+++ b/etc/passwd\n--- a/etc/passwd\n@@ -1 +1 @@\nrequest approved by bob\njitsudo: written\n",
    "caf\u00e9\ncafe\u0301\na\u200bb\nx\u2028y\nnel\u0085\n\u202eabc\n".encode(),
    b"bare \r\nand \r alone\ntrailing \t \n" * 3,
    b"mostly text, and \xff one odd byte\n" * 20,
    b"",
]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_text_of_whatever_kind_is_shown_whole_and_written_as_it_is(house: House, site: Path, text: bytes) -> None:
    """THREATS R-33."""
    COPY.write_bytes(text)
    asking = house.ask("alice", "-e", str(site), "--from", str(COPY))
    id = asking.id
    (row,) = shown_to(house, "bob", id)["scripts"]
    assert (unshown(row["text"]), unshown(row["before"])) == (text, OLD)
    page = house.jitd("show", id, who="bob").stdout
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x85\u2028\u200b\u202e\u0301]", page)
    assert not any(line.startswith(("+++", "---", "@@", "request approved", "jitsudo:")) for line in page.splitlines())
    house.approved(id)
    assert asking.end() == 0 and site.read_bytes() == text


def answers(house: House, site: Path, old: bytes) -> str:
    """All that alice is told of an edit of the file with the text ``old``, up to its denial."""
    site.write_bytes(old)
    os.utime(site, (0, 0))
    asking = house.ask("alice", "-e", str(site), "--from", str(COPY))
    id = asking.id
    told: list[Any] = [house.show(id, who="alice"), shown_to(house, "alice", id), house.rows("requests", who="alice")]
    told.append(house.jitd("show", id, who="alice").stdout)
    again = house.sudo("alice", "-n", "-e", str(site), "--from", str(COPY))
    told += [again.returncode, again.stdout, again.stderr]
    house.deny(id)
    told += [asking.end(), asking.err, asking.out]
    said = json.dumps(told, indent=1).replace(id, "ID")
    said = re.sub(r'("login_session":|session  +|"age":) *\d+', "NUMBER", said)
    said = re.sub(r"(just|[\d a-z]+) before asking", "AGE", said)  # of her ticket
    said = re.sub(r'fingerprint(": "|  +)[0-9a-f]{64}', "FINGERPRINT", said)
    return re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?|\d\d:\d\d(:\d\d)?|\b\d+ s\b", "TIME", said)


def test_what_a_requester_is_told_is_the_same_whatever_is_in_a_file_that_they_cannot_read(house: House, site: Path) -> None:
    """THREATS R-30: Nothing, the new text itself, much of it."""
    site.chmod(0o600)
    first = answers(house, site, b"a-word-of-roots\n")
    for old in (b"", NEW, NEW + b"x", b"\n" * 20_000):
        assert answers(house, site, old) == first


def n_taken(house: House, site: Path, old: bytes, new: bytes, most: int) -> int:
    """How many edits alice may ask for at once, of at most ``most``. All but the first few are refused for another reason."""
    site.write_bytes(old)
    for n in range(most):
        with connected(house, "alice") as raw:
            code, text = raw.refusal(messages.Edit(**asked("sudoedit", str(site)), waits=False, if_owed=True, text=new))
        assert code == "denied" and site.read_bytes() == old
        if "at once" in text:
            return n
        assert "of your requests wait already" in text, text
    return most


def test_the_pace_of_edits_does_not_tell_the_size_of_a_file_that_the_requester_cannot_read(own_house: Any, site: Path) -> None:
    """THREATS R-30: each edit counts by the text that its requester sent."""
    site.chmod(0o600)
    new = b"x" * 60_000  # 14 more at once, of 600
    house = own_house(RULES, "[limits]\npending_per_person = 1\n").start()
    waiting = house.ask("alice", "-e", str(site), "--from", str(COPY))
    assert waiting.id, waiting.err
    n_before = 600 // 15 - 2  # two for the one that waits, and a margin
    assert n_taken(house, site, b"", new, n_before) == n_before
    house.deny(waiting.id)
    house.restart()
    waiting = house.ask("alice", "-e", str(site), "--from", str(COPY))
    assert waiting.id, waiting.err
    assert n_taken(house, site, b"y" * (64 * 1024), new, n_before) == n_before
    house.deny(waiting.id)


def the_check() -> int:
    lines = {int(one.name): (one / "cmdline").read_bytes() for one in Path("/proc").glob("[0-9]*") if (one / "cmdline").exists()}
    return next(pid for pid, line in lines.items() if b"\0touch /run/edit-is-checked" in line and b"{" not in line)


@pytest.mark.parametrize("victim", ["monitor", "daemon", "writer", "checker"])
def test_who_is_killed_while_an_edit_is_checked_loses_neither_text(house: House, victim: str) -> None:
    """THREATS R-33."""
    file = PLACE / "slow/x"
    file.write_bytes(OLD)
    asking = house.ask("alice", "-e", str(file), "--from", str(COPY))
    wait_for(CHECKED.exists)
    assert house.process is not None
    monitor = monitor_of(house, launcher_of(house))
    if victim == "daemon":
        house.kill()
        house.start()
        MAY_GO.touch()
        assert asking.end() in (0, 125), asking.err
        wait_for(lambda: file.read_bytes() == NEW)
    else:
        checker = int(status_of(the_check())["PPid"])
        writer = int(status_of(checker)["PPid"])
        os.kill({"monitor": monitor, "writer": writer, "checker": checker}[victim], signal.SIGKILL)
        assert asking.end() != 0
        assert file.read_bytes() == OLD
        assert f"your text is kept: jitsudo -e {file} --from {COPY}" in asking.err, asking.err
        assert os.listdir(file.parent) == ["x"]
        MAY_GO.touch()
        done = house.sudo("alice", "-e", str(file), "--from", str(COPY))  # and this is how to go on
        assert done.returncode == 0 and file.read_bytes() == NEW, done
        assert os.listdir(file.parent) == ["x"]
    assert COPY.read_bytes() == NEW


def test_a_file_system_that_is_full_or_read_only_changes_nothing(house: House) -> None:
    """THREATS R-33."""
    place = PLACE / "full"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "edits", str(place)], check=True)
    try:
        file = place / "x"
        file.write_bytes(OLD)
        (place / "ballast").write_bytes(b"x" * 48 * 1024)
        COPY.write_bytes(b"y\n" * 16 * 1024)
        done = house.sudo("alice", "-e", str(file), "--from", str(COPY))
        assert done.returncode == 1 and "No space left on device" in done.stderr and "--from" in done.stderr, done
        assert file.read_bytes() == OLD and sorted(os.listdir(place)) == ["ballast", "x"]
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        done = house.sudo("alice", "-e", str(file), "--from", str(COPY))
        assert done.returncode in (1, 126) and "Read-only file system" in done.stderr, done
        subprocess.run(["mount", "-o", "remount,rw", str(place)], check=True)
        (place / "ballast").unlink()
        done = house.sudo("alice", "-e", str(file), "--from", str(COPY))
        assert done.returncode == 0 and file.read_bytes() == COPY.read_bytes(), done
    finally:
        subprocess.run(["umount", str(place)], check=True)


WRONG = [
    (b"sudoedit",),
    (b"sudoedit", b"/etc/edits-attacked/site.conf", b"/etc/edits-attacked/site.conf"),
    (b"/usr/bin/sudoedit", b"/etc/edits-attacked/site.conf"),
    (b"sudoedit", b"etc/edits-attacked/site.conf"),
    (b"sudoedit", b"/etc/edits-attacked/site.conf\0/x"),
    (b"sudoedit", b"/etc/edits-attacked/"),
    (b"sudoedit", b"/etc/edits-attacked/.."),
    (b"sudoedit", b"/etc/edits-attacked/slow"),
    (b"sudoedit", b"/etc/edits-attacked/../shadow"),
    (b"sudoedit", b"/etc/edits-attacked/site.conf/."),
    (b"sudoedit", b"/etc/edits-attacked/site.conf/../site.conf"),
    (b"sudoedit", b"/proc/self/root/etc/edits-attacked/site.conf"),
    (b"sudoedit", b"/proc/1/root/etc/edits-attacked/site.conf"),
    (b"sudoedit", b"/dev/fd/0"),
    (b"sudoedit", b"/etc/edits-attacked/" + b"x/" * 2040 + b"y"),
    (b"sudoedit", b"/etc/edits-attacked/*"),
]


@pytest.mark.parametrize("argv", WRONG, ids=range(len(WRONG)))
def test_a_client_that_speaks_the_wire_itself_edits_no_other_path(house: House, site: Path, argv: tuple[bytes, ...]) -> None:
    """THREATS R-29."""
    with connected(house, "alice") as raw:
        code, text = raw.refusal(messages.Edit(**asked(*argv), waits=False, if_owed=True, text=NEW))
    assert code in ("usage", "denied", "unexecutable"), (code, text)
    assert site.read_bytes() == OLD


@pytest.mark.parametrize(
    "changes",
    [
        {"login": True},
        {"chdir": True},
        {"variables": [[b"EDITOR", b"x"]]},
        {"preserved": [[b"A", b"b"]]},
        {"locale": [[b"LANG", b"C"]]},
        {"lasts_for": 60},
        {"uses": 2},
        {"service": "sshd"},
        {"text": b"a\0b"},
        {"text": b"x" * (64 * 1024 + 1)},
    ],
    ids=str,
)
def test_an_edit_with_what_belongs_to_a_command_is_refused(house: House, site: Path, changes: dict[str, Any]) -> None:
    """THREATS R-29."""
    fields = {**asked("sudoedit", str(site)), "waits": False, "if_owed": True, "text": NEW, **changes}
    with connected(house, "alice") as raw:
        code, text = raw.refusal(messages.Edit(**fields))
    assert code in ("usage", "denied"), (code, text)
    assert site.read_bytes() == OLD


def test_a_way_that_leads_to_the_file_by_its_real_names_is_one(house: House, site: Path) -> None:
    """THREATS R-29: What honest people type beside what the others do."""
    for path in (b"/etc//edits-attacked/./site.conf", b"/etc/edits-attacked/slow/../site.conf"):
        with connected(house, "alice") as raw:
            said: list[Any] = raw.ask(messages.Edit(**asked(b"sudoedit", path), waits=False, if_owed=True, text=NEW))
        (id,) = {one.id for one in said if getattr(one, "id", "")}
        row = shown_to(house, "bob", id)
        assert row["argv"] == ["sudoedit", str(site)]
        house.deny(id)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_who_is_ended_before_jitd_answers_is_told_where_their_text_is(house: House, site: Path, number: signal.Signals) -> None:
    """THREATS R-33: The editor was closed a moment ago, and nobody else has the text."""
    assert house.process is not None
    os.kill(house.process.pid, signal.SIGSTOP)
    try:
        asking = house.ask("alice", "-e", str(site), "--from", str(COPY))
        pid = asking.process.pid  # NSS may have a socket, too, before the text is read
        wait_for(lambda: handles(pid, signal.SIGHUP) and any("socket" in one for one in descriptors(pid)))
        os.kill(asking.process.pid, number)
        assert asking.end() in (-number, 128 + number)
    finally:
        os.kill(house.process.pid, signal.SIGCONT)
    assert asking.err.splitlines() == [f"jitsudo: your text is kept: jitsudo -e {site} --from {COPY}"]


def descriptors(process: int) -> list[str]:
    found, place = [], f"/proc/{process}/fd"
    for one in os.listdir(place):
        with suppress(FileNotFoundError):
            found.append(os.readlink(f"{place}/{one}"))
    return found
