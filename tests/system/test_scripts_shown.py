# SPDX-License-Identifier: Apache-2.0
"""The texts that a command runs, as its approvers are shown them: what can be read, and what runs (THREATS R-22, S-19).

Law: a secret is a word that is in one file alone. It is looked for in rows, pages, the chain and the whole database.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from jitd.core.command import Operand
from jitd.deciding.scripts import CHANGED, MOST_OF_ROOTS, find
from jitd.files.reading_as import Rights, read_as
from jitd.store.sqlite import SqliteStore
from jitpam.wire.shown import shown, unshown
from tests.attacks.raw import connected, shown_to
from tests.marks import by_day, full, once_each
from tests.scene import command, person
from tests.system.conftest import House, house_with
from tests.system.filesystem import Served
from tests.waiting import wait_for

ALICE, BOB = 4001, 4002
SECRET = "the-word-of-bob-alone"
PLACE = Path("/home/alice/shown")
BOBS = Path("/home/bob/shown")
SYSTEM = Path("/usr/local/sbin")
RULES = """
[[permit]]
name = "scripts"
who = ["group:dba"]
run_as = ["*"]
commands = [["/usr/bin/dash", "**"], ["/usr/bin/cp", "**"], ["/usr/bin/cat", "**"], ["/usr/local/sbin/*", "**"]]
approvals = [{ need = 1, from = ["group:ops"] }]
grant = { lasts = "1h", uses = 9 }

[[permit]]
name = "loose"
who = ["group:dba"]
commands = [["/usr/bin/tail", "**"]]
approvals = [{ need = 1, from = ["group:ops"] }]
run = { writable = "allow" }

[[permit]]
name = "hidden"
who = ["group:dba"]
commands = [["/usr/bin/bash", "**"]]
approvals = [{ need = 1, from = ["group:ops"] }]
visible_to = ["user:carol"]

[[permit]]
name = "at-once"
who = ["group:dba"]
commands = [["/usr/bin/head", "**"]]
"""


house = house_with(RULES, "[limits]\npending_per_person = 400\npending = 800\n")


@pytest.fixture(autouse=True)
def places() -> Iterator[None]:
    for place, uid, mode in ((PLACE, ALICE, 0o755), (BOBS, BOB, 0o755)):
        place.mkdir(parents=True)
        os.chown(place, uid, uid)
        place.chmod(mode)
    yield
    for place in (PLACE, BOBS):
        shutil.rmtree(place, ignore_errors=True)
    for made in SYSTEM.glob("shown-*"):
        made.unlink()
    shutil.rmtree("/root/shown", ignore_errors=True)


def write(path: Path, text: str | bytes, uid: int = ALICE, mode: int = 0o644, gid: int | None = None) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    os.chown(path, uid, uid if gid is None else gid)
    path.chmod(mode)
    return path


def asked(house: House, *words: str, who: str = "alice") -> str:
    """A request that waits, and nobody waits for."""
    done = house.run(who, "jitsudo", "--no-wait", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def scripts(house: House, id: str, who: str = "bob") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shown_to(house, who, id)["scripts"]
    return found


def stored(house: House) -> bytes:
    """All that the database holds, with what is in its log."""
    return b"".join(path.read_bytes() for path in sorted(house.database.parent.glob("jitd.db*")))


# --- what is shown ---------------------------------------------------------------------------------------------------


def test_what_is_shown_is_what_is_bound_and_what_runs(house: House) -> None:
    """THREATS R-22: the text, its digest, and what the command then does."""
    file = write(PLACE / "x.sh", f"#!/bin/sh\necho ran >{PLACE}/mark\n")
    asking = house.ask("alice", "dash", str(file))
    (row,) = scripts(house, asking.id)
    assert (row["argument"], row["path"], row["before"], row["told"]) == (1, str(file), None, "")
    (operand,) = house.show(asking.id, "bob")["operands"]
    assert hashlib.sha256(unshown(row["text"])).hexdigest() == operand["digest"]
    assert row["bound"] == f"compared until the command starts; after that it can be changed: {file} belongs to uid {ALICE}"
    page = house.jitd("show", asking.id, who="bob").stdout
    assert "       1       #!/bin/sh\n" in page and f"       2       echo ran >{PLACE}/mark\n" in page
    house.approved(asking.id)
    assert asking.end() == 0 and (PLACE / "mark").read_text() == "ran\n"


def test_what_was_changed_after_it_was_shown_does_not_run_and_is_still_shown_as_it_was(house: House) -> None:
    """THREATS R-22"""
    file = write(PLACE / "x.sh", f"echo good >{PLACE}/mark\n")
    asking = house.ask("alice", "dash", str(file))
    id = asking.id
    write(file, f"echo bad >{PLACE}/mark\n")
    assert unshown(scripts(house, id)[0]["text"]) == f"echo good >{PLACE}/mark\n".encode()
    with suppress(AssertionError):
        house.approved(id)
    assert asking.end() != 0 and not (PLACE / "mark").exists()


def test_a_later_version_comes_with_the_one_that_was_approved(house: House) -> None:
    """THREATS R-22: both texts have the digests that were bound; what was not approved is no version."""
    file, texts = PLACE / "y.sh", [b"true\n", b"false\n", b"id\n"]
    write(file, texts[0])
    first = asked(house, "dash", str(file))
    house.approved(first)
    write(file, texts[1])
    denied = asked(house, "dash", "-x", str(file))
    assert house.deny(denied).returncode == 0
    write(file, texts[2])
    (row,) = scripts(house, asked(house, "dash", "-u", str(file)))
    assert (unshown(row["text"]), unshown(row["before"])) == (texts[2], texts[0])
    assert row["last"]["id"] == first and row["last"]["by"][0].startswith("bob@")
    before = hashlib.sha256(unshown(row["before"])).digest()
    assert before in {one.digest for one in house.request_of(first).command.operands}


def test_a_script_of_roots_own_is_shown_as_the_commands_own_file_and_as_what_a_shell_runs(house: House) -> None:
    file = write(SYSTEM / "shown-backup", "#!/bin/sh\nid\n", 0, 0o755)
    for words, argument, bound in (
        ((str(file),), 0, "what runs is exactly this text"),
        (("dash", str(file)), 1, "only root can change it"),
    ):
        (row,) = scripts(house, asked(house, *words))
        assert (row["argument"], unshown(row["text"]), row["bound"]) == (argument, b"#!/bin/sh\nid\n", bound)


def test_what_is_no_code_of_roots_own_is_not_shown(house: House) -> None:
    """An honest page stays short: data, and the system's own programs."""
    assert scripts(house, asked(house, "cp", "/etc/hosts", "/usr/sbin/adduser", "/tmp")) == []
    assert scripts(house, asked(house, "cat", "/etc/passwd")) == []


def test_what_the_rule_does_not_bind_is_shown_and_said_to_be_not_bound(house: House) -> None:
    file = write(PLACE / "conf", "a = 1\n")
    (row,) = scripts(house, asked(house, "tail", str(file)))
    assert unshown(row["text"]) == b"a = 1\n" and row["bound"].startswith("NOT BOUND: it can be changed after the approval")


def test_a_file_that_a_group_of_the_requester_may_read_is_shown(house: House) -> None:
    """She has all her groups, and not only the first."""
    dba = next(gid for gid in os.getgrouplist("alice", ALICE) if gid != ALICE)
    write(SYSTEM / "shown-for-group", "id\n", 0, 0o640, dba)
    (row,) = scripts(house, asked(house, "dash", str(SYSTEM / "shown-for-group")))
    assert unshown(row["text"]) == b"id\n"


@pytest.mark.parametrize(
    ("what", "content", "mode", "told"),
    [
        ("too large", b"#" * (64 * 1024 + 1), 0o644, "it has more than 64 KiB"),
        ("just not too large", b"#" * 64 * 1024, 0o644, ""),
        ("a script with a NUL, which a shell runs", b"id\n\0\n", 0o644, "it is not text"),
        ("not text", os.urandom(500), 0o644, "it is not text"),
        ("in another encoding", b"# caf\xe9\n" + b"id\n" * 30, 0o644, ""),
        ("empty", b"", 0o644, "it is empty"),
        ("her own, and run", b"id\n", 0o600, ""),
        ("her private key", b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", 0o600, "it holds a private key"),
    ],
)
def test_which_texts_are_shown(house: House, what: str, content: bytes, mode: int, told: str) -> None:
    """THREATS R-22: what is not shown is named. THREATS S-19 for her own key: she may not think of it as sent."""
    (row,) = scripts(house, asked(house, "dash", str(write(PLACE / "z", content, mode=mode))))
    assert row["told"] == told and (row["text"] is None) == bool(told), what
    if not told:
        assert unshown(row["text"]) == content


def test_what_only_she_can_read_and_does_not_run_is_not_sent_to_anybody(house: House) -> None:
    """THREATS S-19: a file of passwords; and a copy of it that is a script, and one that everybody can read, are shown."""
    found = {}
    for name, content, mode in (("secret", f"{SECRET}\n", 0o600), ("script", "#!/bin/sh\n", 0o700), ("open", "x\n", 0o644)):
        (row,) = scripts(house, asked(house, "cp", str(write(PLACE / name, content, mode=mode)), "/srv"))
        found[name] = row["text"] is not None
        if name == "secret":
            assert row["told"] == "not everybody can read it, and it is no script: it may be a secret of alice"
    assert found == {"secret": False, "script": True, "open": True}
    assert SECRET.encode() not in stored(house)


def test_more_texts_than_are_shown_are_said_to_be_there(house: House) -> None:
    """THREATS R-22: what runs is not hidden behind what does not."""
    files = [str(write(PLACE / f"{n}.sh", b"# %d\n" % n + b"id\n" * 10_000)) for n in range(6)]
    found = scripts(house, asked(house, "dash", *files))
    assert [row["path"] for row in found] == files and [row["text"] is not None for row in found] == [True] * 4 + [False] * 2
    assert all("only the first 8 texts are shown" in row["told"] for row in found[4:])


def test_a_text_behind_many_paths_is_said_to_be_there(house: House) -> None:
    """THREATS R-22: 300 paths that she cannot see, before the one that runs."""
    file = write(PLACE / "x.sh", "id\n")
    with connected(house, "alice") as alice:
        id = alice.submit("dash", *[f"-abcdefgh{number}" for number in range(40)], str(file), waits=False, cwd=b"/root")
    (row,) = (row for row in scripts(house, id) if row["path"] == str(file))
    assert row["text"] is None and row["told"].startswith("only the first")


def test_few_files_of_roots_own_are_shown(house: House) -> None:
    """They are a help, so they do not fill the page; what others can change is named in any case."""
    for number in range(30):
        write(SYSTEM / f"shown-{number}", "id\n", 0, 0o755)
    hers = write(PLACE / "x.sh", "id\n")
    found = scripts(house, asked(house, "dash", *(str(SYSTEM / f"shown-{number}") for number in range(30)), str(hers)))
    assert len(found) == MOST_OF_ROOTS + 1 and str(hers) in [row["path"] for row in found]


def test_the_record_has_digests_and_no_text(house: House) -> None:
    word = "word-of-a-script-of-alice"
    asked(house, "dash", str(write(PLACE / "x.sh", f"echo {word}\n")))
    with closing(SqliteStore.reading(house.database)) as store:
        assert not any(word.encode() in body for _, body, _ in store.records())
        assert not any(word.encode() in document for _, _, document in store.documents())
        assert store.text(hashlib.sha256(f"echo {word}\n".encode()).digest()) == f"echo {word}\n".encode()


def test_texts_count_as_bytes_of_their_requester() -> None:
    """Nobody fills the disk with scripts; as many requests with small ones are free."""
    made = House(RULES, "[limits]\npending_per_person = 400\n").start()
    try:
        large = [str(write(PLACE / f"{n}.sh", b"# %d\n" % n + b"x" * 64_000)) for n in range(2)]
        small = str(write(PLACE / "small.sh", "id\n"))
        for words, most in (((small,), 25), ((*large,), 18)):
            done = [made.run("alice", "jitsudo", "--no-wait", "dash", *words) for _ in range(25)]
            assert [one.returncode == 0 for one in done].count(True) in range(most, most + 3 if most < 25 else 26)
        assert "too many of your requests" in done[-1].stderr
        made.verify()
    finally:
        made.close()


def test_lists_have_no_texts(house: House) -> None:
    id = asked(house, "dash", str(write(PLACE / "x.sh", "id\n")))
    assert all("scripts" not in row for row in house.rows("requests") if row["id"] == id)


def test_what_is_approved_by_nobody_is_read_by_nobody(house: House) -> None:
    word = "of-a-command-that-needs-no-approval"
    write(PLACE / "x.sh", word)
    assert house.run("alice", "jitsudo", "head", str(PLACE / "x.sh")).stdout == word
    assert word.encode() not in stored(house)


# --- whose it is -----------------------------------------------------------------------------------------------------


def through_a_link() -> str:
    (PLACE / "link").symlink_to(write(BOBS / "own.sh", f"echo {SECRET}\n", BOB, 0o600))
    return str(PLACE / "link")


def by_a_hard_link() -> str:
    os.link(write(BOBS / "own.sh", f"echo {SECRET}\n", BOB, 0o600), PLACE / "hard")
    return str(PLACE / "hard")


def in_a_closed_directory() -> str:
    write(BOBS / "open.sh", f"echo {SECRET}\n", BOB, 0o644)
    BOBS.chmod(0o700)
    return str(BOBS / "open.sh")


def by_descriptor() -> str:
    return f"/proc/self/fd/{os.open(write(BOBS / 'own.sh', f'echo {SECRET}', BOB, 0o644), os.O_RDONLY)}"


def of_roots() -> str:
    Path("/root/shown").mkdir(mode=0o755)
    return str(write(Path("/root/shown/x.sh"), f"echo {SECRET}\n", 0, 0o755))


SECRETS: dict[str, Callable[[], str]] = {
    "bob's own script": lambda: str(write(BOBS / "own.sh", f"echo {SECRET}\n", BOB, 0o600)),
    "his script, by a link of hers": through_a_link,
    "his script, by a hard link of hers": by_a_hard_link,
    "his open script in his closed directory": in_a_closed_directory,
    "root's script": of_roots,
    "root's script that she may execute": lambda: str(write(SYSTEM / "shown-x", f"#!/bin/sh\n# {SECRET}\n", 0, 0o711)),
    "password hashes": lambda: "/etc/shadow",
    "what jitd was started with": lambda: "/proc/self/environ",
    "what jitd was started with, by its thread": lambda: "/proc/thread-self/cmdline",
    "jitd's own database": lambda: "/proc/self/cwd/jitd.db",
    "a file that jitd has open": by_descriptor,
    "a device": lambda: "/dev/mem",
}


WAYS = ["{}", "--rcfile={}"]
OTHER_WAY = full("every day, each of these files is named in one of the two ways")


@pytest.mark.parametrize(("what", "how"), by_day(product(SECRETS, WAYS), once_each(SECRETS, WAYS), OTHER_WAY))
def test_what_the_requester_cannot_read_is_shown_to_nobody(house: House, what: str, how: str) -> None:
    """THREATS S-19"""
    id = asked(house, "dash", how.format(SECRETS[what]()))
    for who in ("bob", "carol", "root", "alice"):
        row = house.show(id, who) if who != "carol" else {}
        assert all(one["text"] is None for one in row.get("scripts", ())), (who, row["scripts"])
    assert SECRET not in house.jitd("show", id, who="bob").stdout
    assert SECRET.encode() not in stored(house)
    page = [row["told"] for row in scripts(house, id)]
    assert set(page) <= {"alice cannot read it", "jitd could not read it as alice"}


def test_the_commands_own_file_that_its_requester_can_only_execute_is_not_shown(house: House) -> None:
    """THREATS S-19"""
    (row,) = scripts(house, asked(house, SECRETS["root's script that she may execute"]()))
    assert (row["argument"], row["text"], row["told"]) == (0, None, "alice cannot read it")
    assert SECRET.encode() not in stored(house)


def test_who_may_read_no_contents_of_a_request_reads_no_script_of_it(house: House) -> None:
    """THREATS S-19: an operator who is not in visible_to; and carol, who is, reads it."""
    word = "word-for-reviewers"
    id = asked(house, "bash", str(write(PLACE / "x.sh", f"echo {word}\n")))
    assert word in scripts(house, id)[0]["text"]
    narrowed = house.show(id, "root")
    assert narrowed["narrowed"] and word not in repr(narrowed) and not narrowed["scripts"]


def test_a_link_that_is_exchanged_during_the_look_never_shows_where_it_led(house: House) -> None:
    """THREATS S-19, R-22: whatever is shown is hers, and has the digest that is bound, or the page says that nothing is."""
    theirs = write(BOBS / "own.sh", f"echo {SECRET}\n", BOB, 0o600)
    mine = write(PLACE / "mine.sh", "echo hers\n")
    link, over = PLACE / "link", threading.Event()
    link.symlink_to(mine)

    def exchange() -> None:
        while not over.is_set():
            for to in (theirs, mine):
                (PLACE / "next").symlink_to(to)
                (PLACE / "next").rename(link)

    thread = threading.Thread(target=exchange)
    thread.start()
    try:
        rights = Rights(ALICE, ALICE, tuple(os.getgrouplist("alice", ALICE)))
        seen = [read_as(rights, [os.fsencode(link)], 1000, 1000) for _ in range(1000)]
        ids = [asked(house, "dash", str(link)) for _ in range(5)]
    finally:
        over.set()
        thread.join()
    contents = [found[0].content for found in seen if found]
    assert set(contents) == {b"echo hers\n", b""}, "both were met"
    for id in ids:
        for row in scripts(house, id):
            assert row["text"] in (None, shown("echo hers\n"))
            digests = {one.digest for one in house.request_of(id).command.operands}
            is_bound = hashlib.sha256(b"echo hers\n").digest() in digests
            assert row["text"] is None or is_bound or row["bound"].startswith("NOT BOUND"), row
        assert house.jitd("withdraw", id, who="alice").returncode == 0
    assert SECRET.encode() not in stored(house)


# --- the thread that has her rights ----------------------------------------------------------------------------------


def test_the_rights_of_the_account_are_those_of_one_thread_and_end_with_it() -> None:
    """THREATS S-19: nothing else of the process loses root's rights, or has another account's."""
    rights = Rights(ALICE, ALICE, (ALICE,))
    secret = os.fsencode(write(BOBS / "own.sh", SECRET, BOB, 0o600))
    assert [one.fault for one in read_as(rights, [secret, b"/etc/shadow"], 10, 100)] == [13, 13]

    def is_roots() -> bool:
        lines = list[list[str]]()
        for task in Path("/proc/self/task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended since it was listed
                lines += [line.split() for line in (task / "status").read_text().splitlines()]
        ids = [line[1:] for line in lines if line[0] in ("Uid:", "Gid:")]
        return all(of == ["0"] * 4 for of in ids) and len({line[1] for line in lines if line[0] in ("CapEff:", "CapPrm:")}) == 1

    wait_for(is_roots, what="the end of the thread")
    assert Path(os.fsdecode(secret)).read_text() == SECRET, "root still can"
    assert read_as(Rights(BOB, BOB, (BOB,)), [secret], 100, 100)[0].content == SECRET.encode(), "and so can bob"
    assert read_as(Rights(0, 0, ()), [b"/etc/shadow"], 100, 100)[0].content, "and root who asks"


def test_no_capability_is_left_even_where_the_kernel_takes_none() -> None:
    """THREATS S-19: with SECBIT_NO_SETUID_FIXUP (capabilities(7)), a change of the ids takes nothing from a thread of root's."""
    libc, faults = ctypes.CDLL(None), list[int]()

    def ask() -> None:
        assert libc.prctl(28, 1 << 2, 0, 0, 0) == 0, "PR_SET_SECUREBITS, of this thread"
        faults.extend(one.fault for one in read_as(Rights(ALICE, ALICE, (ALICE,)), [b"/etc/shadow"], 10, 100))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert faults == [errno.EACCES]


def test_what_belongs_to_jitd_itself_is_not_read_in_procfs() -> None:
    """THREATS S-19: there, jitd is let in as itself, whatever rights its thread has: to its memory, its files, its variables."""
    BOBS.chmod(0o700)
    with write(BOBS / "open.sh", SECRET, BOB, 0o644).open("rb") as file:
        names = ["environ", "cmdline", "maps", f"fd/{file.fileno()}", "cwd/etc/passwd", "root/etc/passwd"]
        paths = [f"/proc/{of}/{name}".encode() for of in ("self", "thread-self", os.getpid()) for name in names]
        (PLACE / "link").symlink_to(f"/proc/self/fd/{file.fileno()}")
        found = read_as(Rights(ALICE, ALICE, (ALICE,)), [*paths, os.fsencode(PLACE / "link")], 1000, 100_000)
    assert [one for one in found if not one.fault] == []
    assert len(read_as(Rights(ALICE, ALICE, (ALICE,)), [b"/etc/passwd"], 10, 10)) == 1


def test_a_text_that_is_not_the_one_to_which_the_approval_is_bound_is_not_shown() -> None:
    """THREATS R-22: as if it was changed between the two looks."""
    path = os.fsencode(write(PLACE / "x.sh", "id\n"))
    who = replace(person("alice"), uid=ALICE, gid=ALICE)
    for content, is_shown in ((b"true\n", False), (b"id\n", True)):
        operand = Operand(1, path, hashlib.sha256(content).digest(), "hers", is_seen=True)
        made = replace(command("dash", os.fsdecode(path)), operands=(operand,))
        found = find(made, who, is_fixed=True)
        (one,) = (script for script in found.scripts if script.at == 1)
        assert (bool(one.digest), one.told) == (is_shown, "" if is_shown else CHANGED)
        assert found.texts == ((b"id\n",) if is_shown else ())


def test_a_file_with_the_name_of_a_unit_is_not_shown(house: House) -> None:
    path = os.fsencode(write(PLACE / "cron", "id\n"))
    who = replace(person("alice"), uid=ALICE, gid=ALICE)
    for verb, is_shown in (("restart", False), ("link", True)):
        operand = Operand(2, path, hashlib.sha256(b"id\n").digest(), "hers", is_seen=True)
        made = replace(command("systemctl", verb, "cron"), cwd=os.fsencode(PLACE), operands=(operand,))
        assert [one.at for one in find(made, who, is_fixed=True).scripts] == ([2] if is_shown else [])


def test_what_does_not_end_or_does_not_answer_is_not_waited_for() -> None:
    """THREATS S-19: a FIFO, a device, a directory, a socket; a file system of hers, which root may not enter."""
    os.mkfifo(PLACE / "fifo", 0o666)
    rights = Rights(ALICE, ALICE, (ALICE,))
    paths = [os.fsencode(PLACE / "fifo"), b"/dev/zero", b"/dev/tty", os.fsencode(PLACE), b"/gone", b"/etc/passwd/x"]
    assert read_as(rights, paths, 10, 100) == []
    served = Served(Path("/srv/served-to-alice"), ALICE, for_all=False)
    try:
        assert [one.content for one in read_as(rights, [b"/srv/served-to-alice/file"], 10, 100)] == [b""]
    finally:
        served.close()


def test_more_than_the_limits_is_not_read() -> None:
    rights = Rights(ALICE, ALICE, (ALICE,))
    paths = [os.fsencode(write(PLACE / str(n), b"x" * 100)) for n in range(4)]
    found = read_as(rights, paths, 60, 130)
    assert [(len(one.content), one.is_whole, one.fault) for one in found] == [(60, False, 0)] * 3 + [(0, False, 27)]
