# SPDX-License-Identifier: Apache-2.0
"""Files that arguments name and that others could change; and standard input (THREATS R-06, R-12).

Law: every refusal is followed by a look whether anything ran.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.on_terminal import OnTerminal
from tests.system.conftest import House, house_with
from tests.waiting import PATIENCE

ALICE, EVE = 4001, 4005
ROOTS = Path("/srv/operands")
HOME = "/home/alice/operands"
RULES = """
[[permit]]
name = "bound"
who = ["group:dba"]
run_as = ["*"]
commands = [["/usr/bin/dash", "**"], ["/usr/bin/cat", "**"], ["/usr/bin/env", "**"], ["/usr/bin/true", "**"]]
approvals = [{ need = 1, from = ["group:ops"] }]
grant = { lasts = "1h", uses = 9 }

[[permit]]
name = "named"
who = ["group:dba"]
commands = [["/usr/bin/tail", "**"]]
approvals = [{ need = 1, from = ["group:ops"] }]
run = { writable = "allow" }

[[permit]]
name = "strict"
who = ["group:dba"]
commands = [["/usr/bin/sed", "**"]]
run = { writable = "allow", operands = "bound" }

[[permit]]
name = "at-once"
who = ["group:dba"]
commands = [["/usr/bin/head", "**"]]

[[permit]]
name = "typed"
who = ["group:dba"]
commands = [["/usr/bin/bash", "**"]]
run = { stdin = "tty" }

[[permit]]
name = "silent"
who = ["group:dba"]
commands = [["/usr/bin/wc", "**"]]
approvals = [{ need = 1, from = ["group:ops"] }]
run = { stdin = "none" }
"""


binding = house_with(RULES)


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory of alice's own."""
    made = Path("/home/alice/operands")
    made.mkdir()
    os.chown(made, ALICE, ALICE)
    yield made
    shutil.rmtree(made, ignore_errors=True)
    Path("/srv/everybodys").unlink(missing_ok=True)
    if ROOTS.is_mount():
        subprocess.run(["umount", ROOTS], check=True)
    shutil.rmtree(ROOTS, ignore_errors=True)


def write(path: Path, text: str | bytes, uid: int = ALICE, mode: int = 0o644) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    os.chown(path, uid, uid)
    path.chmod(mode)
    return path


def script(place: Path, says: str = "good") -> Path:
    return write(place / "x.sh", f"echo {says} >>{place}/mark\n")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def operands(house: House, id: str, who: str = "root") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = house.show(id, who)["operands"]
    return found


# --- what is named ---------------------------------------------------------------------------------------------------


def test_a_script_of_the_requesters_is_named_to_the_approver_with_its_digest_and_runs(binding: House, place: Path) -> None:
    """THREATS R-06: and it is said that nothing holds it once the command has started."""
    file = script(place)
    asking = binding.ask("alice", "dash", str(file))
    (operand,) = operands(binding, asking.id, "bob")
    assert (operand["argument"], operand["path"], operand["digest"]) == (1, str(file), digest(file))
    assert operand["because"] == f"{file} belongs to uid {ALICE}"
    page = binding.jitd("show", asking.id, who="bob").stdout
    assert f"SHA-256 {digest(file)}" in page and str(file) in page
    assert "compared until the command starts, and not bound after that: they can still change it" in page
    binding.approved(asking.id)
    assert asking.end() == 0, asking.err
    assert (place / "mark").read_text() == "good\n"


NAMED: dict[str, tuple[Callable[[Path], list[str]], list[tuple[int, str]]]] = {
    "a relative path": (lambda p: ["x.sh"], [(1, "x.sh")]),
    "by dots": (lambda p: ["../operands/./x.sh"], [(1, "../operands/./x.sh")]),
    "after an equals sign": (lambda p: [f"--file={p}/x.sh"], [(1, "x.sh")]),
    "twice": (lambda p: ["x.sh", f"{p}/x.sh"], [(1, "x.sh"), (2, "x.sh")]),
    "by a link of the requester's to a file of root's": (lambda p: link(p, "/etc/hostname"), [(1, "link")]),
    "by a link of the requester's to one of theirs": (lambda p: link(p, "x.sh"), [(1, "link")]),
    "after a second equals sign": (lambda p: [f"--action=exec={p}/x.sh"], [(1, "x.sh")]),
    "as a file of arguments": (lambda p: ["@x.sh", "-d@x.sh", "--data=@x.sh"], [(1, "x.sh"), (2, "x.sh"), (3, "x.sh")]),
    "a file of root's": (lambda p: ["/etc/hostname", "/usr/bin/env"], []),
    "nothing": (lambda p: ["restart", "-n", "--", "", "a" * 5000, "/nonexistent"], []),
    "after a letter": (lambda p: [f"-f{p}/x.sh", "-fx.sh"], [(1, "x.sh"), (2, "x.sh")]),
    "after letters": (lambda p: ["-xvfx.sh", "-zxf./x.sh"], [(1, "x.sh"), (2, "./x.sh")]),
    "through the directory of the process itself": (lambda p: ["/proc/self/cwd/x.sh"], [(1, "/proc/self/cwd/x.sh")]),
    "through its directory, and its thread's": (
        lambda p: ["/proc/thread-self/cwd/../operands/x.sh"],
        [(1, "/proc/thread-self/cwd/../operands/x.sh")],
    ),
    "through its root directory": (lambda p: [f"/proc/self/root{p}/x.sh"], [(1, f"/proc/self/root{HOME}/x.sh")]),
    "by a link of the requester's through the directory of the process": (
        lambda p: link(p, "/proc/self/cwd/x.sh"),
        [(1, "link")],
    ),
    "a file of root's through the directory of the process": (lambda p: ["/proc/self/root/etc/hostname"], []),
    "a file that says that it is root's on a mount that is for anybody": (lambda p: mounted(), [(1, f"{ROOTS}/file")]),
    "a device whose content nobody changes": (lambda p: ["/dev/null", "--in=/dev/zero"], []),
    "a directory in which all is root's": (lambda p: roots_alone(), []),
    "a file of root's in a directory of the requester's": (lambda p: [str(write(p / "roots", "x", 0))], [(1, "roots")]),
    "a file that everybody may write": (lambda p: [str(write(Path("/srv/everybodys"), "x", 0, 0o666))], [(1, "/srv/everybodys")]),
}

UNBOUND: dict[str, tuple[Callable[[Path], list[str]], list[tuple[int, str, str]]]] = {
    "a directory": (lambda p: [str(p), "."], [(1, HOME, "what is in a directory"), (2, ".", "what is in a directory")]),
    "a directory of root's with a file of somebody's": (lambda p: roots_with_a_guest(), [(1, f"{ROOTS}/", "in a directory")]),
    "a directory of root's with a link to somebody's": (lambda p: roots_with_a_link(p), [(1, f"{ROOTS}/", "in a directory")]),
    "a directory of root's with more in it than is looked at": (
        lambda p: roots_with_many(),
        [(1, f"{ROOTS}/", "in a directory")],
    ),
    "a fifo": (lambda p: make_fifo(p), [(1, "fifo", "the content of a special file is not bound")]),
    "a link of the requester's to a device": (lambda p: link(p, "/dev/null"), [(1, "link", "a special file is not bound")]),
    "a terminal": (lambda p: ["/dev/tty"], [(1, "/dev/tty", "the content of a special file is not bound")]),
    "standard input": (lambda p: ["/dev/stdin"], [(1, "/dev/stdin", "leads through /proc")]),
    "files in /proc": (
        lambda p: ["/proc/self/environ", "-f/proc/1/cwd/x"],
        [(1, "/proc/self/environ", "leads through /proc"), (2, "/proc/1/cwd/x", "leads through /proc")],
    ),
    "the sixty-fifth": (lambda p: ["-"] * 64 + ["x.sh", "x.sh"], [(65, "x.sh", "only the first 64 arguments are looked at")]),
}


def mounted() -> list[str]:
    ROOTS.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "nosuid,mode=755", "x", ROOTS], check=True)
    (ROOTS / "file").write_text("x")
    return [f"{ROOTS}/file"]


def roots_alone() -> list[str]:
    (ROOTS / "below").mkdir(parents=True)
    (ROOTS / "below/file").write_text("")
    (ROOTS / "below/link").symlink_to("/etc/hostname")
    return [f"{ROOTS}/"]


def roots_with_a_guest() -> list[str]:
    words = roots_alone()
    write(ROOTS / "below/guest", "")
    return words


def roots_with_a_link(place: Path) -> list[str]:
    words = roots_alone()
    (ROOTS / "below/there").symlink_to(place / "x.sh")
    return words


def roots_with_many() -> list[str]:
    words = roots_alone()
    for number in range(1001):
        (ROOTS / f"below/{number}").touch()
    return words


def link(place: Path, to: str) -> list[str]:
    (place / "link").symlink_to(to)
    os.lchown(place / "link", ALICE, ALICE)
    return ["link"]


def make_fifo(place: Path) -> list[str]:
    os.mkfifo(place / "fifo")
    os.chown(place / "fifo", ALICE, ALICE)
    return ["fifo"]


@pytest.mark.parametrize("what", NAMED)
def test_which_arguments_are_named(binding: House, place: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script(place)
    monkeypatch.chdir(place)  # what /proc/self/cwd is to us as well
    words, wanted = NAMED[what]
    asking = binding.ask("alice", "true", *words(place), cwd=str(place))
    found = operands(binding, asking.id)
    assert [(o["argument"], o["path"]) for o in found] == [(at, os.path.join(place, name)) for at, name in wanted]
    assert all(o["digest"] == digest(Path(o["path"])) for o in found)
    binding.approved(asking.id)
    assert asking.end() == 0, asking.err


@pytest.mark.parametrize("what", UNBOUND)
def test_what_is_not_bound_is_said_to_be_so(binding: House, place: Path, what: str) -> None:
    """THREATS R-06: beside it, on the approver's page; and it runs, if they approve it."""
    script(place)
    words, wanted = UNBOUND[what]
    asking = binding.ask("alice", "true", *words(place), cwd=str(place))
    found = operands(binding, asking.id)
    assert [(o["argument"], o["path"]) for o in found] == [(at, os.path.join(place, name)) for at, name, _ in wanted]
    assert [o["digest"] for o in found] == [""] * len(wanted)
    assert all(because in o["because"] for o, (_, _, because) in zip(found, wanted, strict=True)), found
    page = binding.jitd("show", asking.id, who="bob").stdout
    assert page.count("not bound: it may be another file when the command opens it") == len(wanted)
    binding.approved(asking.id)
    assert asking.end() == 0, asking.err


def test_the_directory_of_the_process_is_the_requesters_and_what_is_there_is_bound(binding: House, place: Path) -> None:
    """THREATS R-06: jitd itself stands elsewhere; the command will open the file of the person who asked."""
    file = script(place)
    asking = binding.ask("alice", "dash", "/proc/self/cwd/x.sh", cwd=str(place))
    assert [o["digest"] for o in operands(binding, asking.id)] == [digest(file)]
    file.write_text(f"echo evil >>{place}/mark\n")
    binding.approve(asking.id)
    assert asking.end() in (121, 126) and not (place / "mark").exists(), asking.err
    script(place)
    again = binding.ask("alice", "dash", "/proc/self/cwd/x.sh", cwd=str(place))
    binding.approved(again.id)
    assert again.end() == 0 and (place / "mark").read_text() == "good\n"


def test_a_file_of_the_targets_own_needs_no_naming(binding: House, place: Path) -> None:
    asking = binding.ask("alice", "-u", "alice", "cat", str(script(place)))
    assert operands(binding, asking.id) == []
    binding.approved(asking.id)
    assert asking.end() == 0


def test_what_is_too_large_is_named_and_said_not_to_be_bound(binding: House, place: Path) -> None:
    file = write(place / "large", b"")
    os.truncate(file, 16 * 1024 * 1024 + 1)
    asking = binding.ask("alice", "true", str(file))
    (operand,) = operands(binding, asking.id)
    assert operand["digest"] == "" and operand["because"].endswith("; it is too large to be bound")
    assert "not bound" in binding.jitd("show", asking.id, who="bob").stdout
    file.write_bytes(b"another")
    binding.approved(asking.id)
    assert asking.end() == 0


def test_a_file_that_the_requester_cannot_see_is_told_to_approvers_alone(binding: House) -> None:
    hidden = Path("/srv/eves")
    hidden.mkdir(mode=0o700, exist_ok=True)
    os.chown(hidden, EVE, EVE)
    file = write(hidden / "x.sh", "echo eve", EVE)
    asking = binding.ask("alice", "true", str(file))
    absent = binding.ask("alice", "true", str(hidden / "y.sh"))
    assert operands(binding, asking.id, "alice") == operands(binding, absent.id, "alice") == []
    (operand,) = operands(binding, asking.id, "bob")
    assert (operand["path"], operand["digest"]) == (str(file), "")
    for one in (asking, absent):
        binding.deny(one.id)
        assert one.end() == 122
    shutil.rmtree(hidden)


# --- what has changed ------------------------------------------------------------------------------------------------

CHANGES: dict[str, Callable[[Path], Any]] = {
    "it is written": lambda file: file.write_text(f"echo evil >>{file.parent}/mark\n"),
    "it is replaced": lambda file: write(file.parent / "new", "echo evil\n").rename(file),
    "it is taken away": lambda file: file.unlink(),
    "it is a link to another": lambda file: (file.unlink(), file.symlink_to("/etc/hostname")),
    "it is a directory": lambda file: (file.unlink(), file.mkdir()),
    "it is a fifo": lambda file: (file.unlink(), os.mkfifo(file)),
    "it has one byte more": lambda file: file.write_text(file.read_text() + "\n"),
    "its directory is another": lambda file: (
        file.parent.rename("/home/alice/gone"),
        file.parent.mkdir(),
        write(file, "echo evil\n"),
    ),
}


@pytest.mark.parametrize("how", CHANGES)
def test_a_change_while_it_waits_is_a_refusal_that_names_it(binding: House, place: Path, how: str) -> None:
    """THREATS R-06."""
    file = script(place)
    asking = binding.ask("alice", "dash", str(file))
    assert operands(binding, asking.id)
    CHANGES[how](file)
    binding.approve(asking.id)
    assert asking.end() == 121
    assert f"argument 1 was changed since it was approved: {file}" in asking.err, asking.err
    assert not (place / "mark").exists()
    row = binding.show(asking.id)
    assert row["state"] == "denied" and "was changed since it was approved" in row["because"], row
    shutil.rmtree("/home/alice/gone", ignore_errors=True)


def test_a_file_that_others_can_change_only_since_then_is_a_refusal_too(binding: House, place: Path) -> None:
    asking = binding.ask("alice", "dash", "later.sh", cwd=str(place))
    assert operands(binding, asking.id) == []
    write(place / "later.sh", f"echo evil >>{place}/mark\n")
    binding.approve(asking.id)
    assert asking.end() in (121, 126)
    assert "argument 1 can be changed by others, but could not when the argument was approved" in asking.err
    assert not (place / "mark").exists()


def test_a_change_after_the_approval_is_seen_when_it_is_used(binding: House, place: Path) -> None:
    """THREATS R-06: hours may lie between the two; the daemon looks again, and no run begins."""
    file = script(place)
    asking = binding.ask("alice", "--no-wait", "dash", str(file))
    assert asking.end() == 0
    id = asking.out.strip()
    binding.approved(id)
    file.write_text(f"echo evil >>{place}/mark\n")
    resumed = binding.sudo("alice", f"--resume={id}")
    assert resumed.returncode == 121 and "argument 1 was changed since it was approved" in resumed.stderr
    assert not (place / "mark").exists() and binding.show(id)["runs"] == []
    file.write_text(f"echo good >>{place}/mark\n")
    assert binding.sudo("alice", f"--resume={id}").returncode == 0
    assert (place / "mark").read_text() == "good\n"


def test_a_lease_does_not_answer_for_another_content(binding: House, place: Path) -> None:
    file = script(place)
    asking = binding.ask("alice", "--for=15m", "--uses=5", "dash", str(file))
    binding.approved(asking.id)
    assert asking.end() == 0
    assert binding.sudo("alice", "-n", "dash", str(file)).returncode == 0
    file.write_text("echo evil\n")
    assert binding.sudo("alice", "-n", "dash", str(file)).returncode == 118


def test_a_rule_may_let_them_be_changed_and_then_they_are_named_and_not_bound(binding: House, place: Path) -> None:
    file = write(place / "log", "one\n")
    asking = binding.ask("alice", "tail", str(file))
    (operand,) = operands(binding, asking.id)
    assert (operand["path"], operand["digest"]) == (str(file), "")
    file.write_text("one\ntwo\n")
    binding.approved(asking.id)
    assert asking.end() == 0 and asking.out == "one\ntwo\n"


REFUSED = "rule strict refuses arguments that name what others can change"
LOOSE: dict[str, tuple[Callable[[Path], list[str]], str]] = {
    "alice's file": (lambda p: [str(p / "x.sh")], ": argument 1, /home/alice/operands/x.sh: /home/alice"),
    "alice's file, relative": (lambda p: ["./x.sh"], ": argument 1, /home/alice/operands/./x.sh: /home/alice"),
    "root's file in alice's directory": (
        lambda p: [str(write(p / "r", "x", 0))],
        ": argument 1, /home/alice/operands/r: /home/a",
    ),
    "root's file that a list lets alice write": (
        lambda p: listed(),
        f": argument 1, {ROOTS}/file: {ROOTS}/file may be written by",
    ),
    "root's file to which alice's link leads": (
        lambda p: link_to_root(p),
        ": argument 1, /home/alice/operands/link: /home/alice",
    ),
    "alice's file in a sticky directory": (
        lambda p: [str(write(shared() / "x", "x"))],
        f": argument 1, {ROOTS}/x: {ROOTS}/x belo",
    ),
    "a mount whose owners are not trusted": (lambda p: mounted(), f": argument 1, {ROOTS}/file: "),
    "an option in alice's directory": (
        lambda p: ["-n"],
        ": argument 1, /home/alice/operands/-n: nothing is there, and /home/alice",
    ),
    "nothing in alice's directory": (
        lambda p: [str(p / "none")],
        ": argument 1, /home/alice/operands/none: nothing is there, and ",
    ),
    "nothing where a link of root's leads": (
        lambda p: dangling(p),
        f": argument 1, {ROOTS}/link: nothing is there, and /home/alice",
    ),
    "nothing in a sticky directory": (
        lambda p: [str(shared() / "none")],
        f": argument 1, {ROOTS}/none: nothing is there, and {ROOTS}",
    ),
    "a directory": (lambda p: [str(p)], ": argument 1, /home/alice/operands: "),
    "a fifo": (lambda p: [str(p / name) for name in make_fifo(p)], ": argument 1, /home/alice/operands/fifo: "),
    "in /proc": (lambda p: ["/proc/1/cwd/x.sh"], ": argument 1, /proc/1/cwd/x.sh: not bound: "),
    "too many": (lambda p: ["/dev/null"] * 65, ": argument 65, /dev/null: not bound: "),
    "something that alice cannot see": (lambda p: ["/root/.profile"], ", and argument 1 names a place that you cannot see"),
    "nothing, where alice cannot see that": (lambda p: ["/root/none"], ", and argument 1 names a place that you cannot see"),
}


def listed() -> list[str]:
    ROOTS.mkdir()
    entries = ((0x01, 6, 2**32 - 1), (0x02, 6, ALICE), (0x04, 4, 2**32 - 1), (0x10, 6, 2**32 - 1), (0x20, 4, 2**32 - 1))
    access = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    os.setxattr(write(ROOTS / "file", "x", 0), "system.posix_acl_access", access)
    return [f"{ROOTS}/file"]


def link_to_root(place: Path) -> list[str]:
    return [str(place / name) for name in link(place, "/etc/hostname")]


def shared() -> Path:
    ROOTS.mkdir()
    ROOTS.chmod(0o1777)
    return ROOTS


def dangling(place: Path) -> list[str]:
    ROOTS.mkdir()
    (ROOTS / "link").symlink_to(place / "none")
    return [f"{ROOTS}/link"]


def large(place: Path) -> Path:
    file = write(place / "large", b"")
    os.truncate(file, 16 * 1024 * 1024 + 1)
    return file


@pytest.mark.parametrize("what", LOOSE)
def test_a_rule_may_refuse_what_others_can_change(binding: House, place: Path, what: str) -> None:
    """THREATS R-27: whatever else the rule says, and nothing runs."""
    script(place)
    words, wanted = LOOSE[what]
    done = binding.sudo("alice", "-n", "sed", *words(place), cwd=str(place))
    assert done.returncode == 121, done.stderr
    assert f"{REFUSED}{wanted}" in done.stderr, done.stderr
    assert not (place / "mark").exists()


WITHIN = ["--action=exec={}", "@{}", "-d@{}", "--data=@{}"]


@pytest.mark.parametrize("word", WITHIN)
def test_a_file_behind_several_signs_is_refused_too(binding: House, place: Path, word: str) -> None:
    """THREATS R-27: ``tar --checkpoint-action=exec=FILE`` executes the file, and ``gcc @FILE`` takes options from it."""
    done = binding.sudo("alice", "-n", "sed", word.format(script(place)), cwd="/")
    assert done.returncode == 121 and f"{REFUSED}: argument 1, {place}/x.sh: " in done.stderr, done.stderr
    assert not (place / "mark").exists()


STRICT = """
[[permit]]
name = "tool"
who = ["group:dba"]
commands = [["/home/alice/operands/tool", "**"]]
run = { writable = "allow", operands = "bound" }
"""


def test_what_only_root_can_change_runs_where_a_rule_refuses_the_rest(binding: House, place: Path) -> None:
    """THREATS R-27, the honest use: root's script as an argument, from a directory of alice's own; options, from root's; and a
    command of alice's own, which is copied and reads root's files.
    """
    ROOTS.mkdir()
    file = write(ROOTS / "x.sed", "p\n", 0)
    assert binding.sudo("alice", "sed", str(file), "/etc/hostname", cwd=str(place)).returncode == 1, "sed ran"
    assert binding.sudo("alice", "sed", "-n", f"--file={file}", "/etc/hostname", cwd="/").returncode == 0
    (sticky := ROOTS / "sticky").mkdir()
    sticky.chmod(0o1777)
    assert binding.sudo("alice", "sed", str(write(sticky / "x", "", 0)), "/dev/null", cwd="/").returncode == 1, "sed ran"
    binding.set_policy(STRICT, "60-own.toml")
    assert binding.jitd("reload").returncode == 0
    write(place / "tool", "#!/usr/bin/dash\ncat $1\n", mode=0o755)
    done = binding.sudo("alice", str(place / "tool"), str(file), cwd=str(place))
    assert (done.returncode, done.stdout) == (0, "p\n"), done.stderr
    refused = binding.sudo("alice", str(place / "tool"), str(script(place)), cwd=str(place))
    assert refused.returncode == 121 and "refuses arguments that name what others can change" in refused.stderr


def test_a_program_that_a_first_line_names_as_an_argument_is_refused_too(binding: House, place: Path) -> None:
    """THREATS R-27: env(1) opens it by its name, however the command's own file was copied."""
    binding.set_policy(STRICT, "60-own.toml")
    assert binding.jitd("reload").returncode == 0
    write(place / "inner", f"#!/usr/bin/dash\necho evil >>{place}/mark\n", mode=0o755)
    write(place / "tool", f"#!/usr/bin/env {place}/inner\n", mode=0o755)
    done = binding.sudo("alice", str(place / "tool"), cwd="/")
    assert done.returncode == 121 and "what the first line of the command's file names as an argument" in done.stderr, done.stderr
    assert not (place / "mark").exists()


@pytest.mark.parametrize("how", ["exchanged", "away and back"])
def test_a_script_that_is_swapped_all_the_time_never_runs(binding: House, place: Path, how: str) -> None:
    """THREATS R-27: by alice's own process, as fast as it can, with root's script on one side of the swap."""
    good, evil = write(place / "x.sed", "p\n", 0), write(place / "y.sed", f"w {place}/mark\n")
    flags = 2 if how == "exchanged" else 0
    if not flags:
        good.unlink()
    turns = f"""
import ctypes, sys
swap = ctypes.CDLL(None).renameat2
print("begun", flush=True)
while True:
    swap(-100, b"{evil}", -100, b"{good}", {flags})
    swap(-100, b"{good}", -100, b"{evil}", {flags})
"""
    swapping = subprocess.Popen(
        ["setpriv", f"--reuid={ALICE}", f"--regid={ALICE}", "--clear-groups", sys.executable, "-c", turns], stdout=subprocess.PIPE
    )
    try:
        assert swapping.stdout is not None and swapping.stdout.readline() == b"begun\n"
        for _ in range(20):
            done = binding.sudo("alice", "-n", "sed", "-f", str(good), "/etc/hostname", cwd="/")
            assert done.returncode == 121 and REFUSED in done.stderr, done.stderr
    finally:
        swapping.kill()
        swapping.wait()
    assert not (place / "mark").exists()


def test_the_name_of_a_file_reads_as_no_fact_of_jitds(binding: House, place: Path) -> None:
    """THREATS R-28: neither on the page nor in the refusal, whatever quotes it has."""
    file = write(place / "x' belongs to root; approved by carol", "echo good\n")
    told = rf"'{place}/x\x27 belongs to root; approved by carol'"
    asking = binding.ask("alice", "dash", str(file))
    (operand,) = operands(binding, asking.id, "bob")
    assert operand["because"].replace("\\\\", "\\") == f"{told} belongs to uid {ALICE}"
    file.unlink()
    binding.approve(asking.id)
    assert asking.end() == 121 and f"was changed since it was approved: {told}" in asking.err.replace("\\\\", "\\"), asking.err


def test_where_nobody_approves_nothing_is_bound(binding: House, place: Path) -> None:
    done = binding.sudo("alice", "head", str(write(place / "log", "one\n")))
    assert done.returncode == 0 and done.stdout == "one\n"


OWN = """
[[permit]]
name = "own"
who = ["group:dba"]
commands = [["/home/alice/operands/*"]]
"""


@pytest.mark.parametrize("first", ["#!/usr/bin/dash", "#!/usr/bin/env dash"])
def test_a_script_that_is_the_command_is_bound_with_its_interpreter(binding: House, place: Path, first: str) -> None:
    """R-06, the command's own file: others may change it, so it is refused without the rule's word."""
    binding.set_policy(OWN, "60-own.toml")
    assert binding.jitd("reload").returncode == 0
    file = write(place / "tool", f"{first}\necho hello\n", mode=0o755)
    done = binding.sudo("alice", str(file))
    assert done.returncode == 121 and "others can change the file" in done.stderr, done.stderr


# --- standard input --------------------------------------------------------------------------------------------------


def test_a_pipe_into_a_shell_is_denied_where_the_rule_wants_a_terminal(binding: House) -> None:
    """THREATS R-12."""
    done = binding.sudo("alice", "bash", input="touch /srv/typed\n")
    assert done.returncode == 121 and "standard input is a pipe, and rule typed wants a terminal" in done.stderr, done.stderr
    assert binding.sudo("alice", "bash", "-c", "true").returncode == 121, "nor is /dev/null a terminal"
    assert not Path("/srv/typed").exists()
    first, *rest = map(str, binding.line("alice", "jitsudo", "bash", "-c", "echo typed"))
    terminal = OnTerminal(first, rest, cwd="/", timeout=PATIENCE, encoding="utf-8")
    terminal.expect_exact("typed")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0


def test_what_is_known_later_is_looked_at_later(binding: House) -> None:
    """THREATS R-12."""
    asking = binding.ask("alice", "--no-wait", "wc", "-c")
    assert asking.end() == 0
    id = asking.out.strip()
    binding.approved(id)
    piped = binding.sudo("alice", f"--resume={id}", input="payload")
    assert piped.returncode in (121, 126) and "standard input is a pipe" in piped.stderr, piped.stderr
    silent = binding.sudo("alice", f"--resume={id}")
    assert silent.returncode == 0 and silent.stdout == "0\n"


def test_the_approver_reads_what_standard_input_is(binding: House) -> None:
    """THREATS R-12."""
    reading, writing = os.pipe()
    asking = binding.ask("alice", "cat", stdin=reading)
    page = binding.jitd("show", asking.id, who="bob").stdout
    assert "standard input is a pipe" in page, page
    binding.deny(asking.id)
    assert asking.end() == 122
    os.close(reading)
    os.close(writing)
