# SPDX-License-Identifier: Apache-2.0
"""What a program is told it is called, and whose file it is: the whole way (THREATS R-15, R-16, X-19).

Law: each attack stands beside the honest use that looks like it, and a refusal is followed by a look whether anything ran.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.conftest import House

ALICE = 4001
PLACE = Path("/srv/what")
TRUSTED = Path("/opt/believed")
MARK = PLACE / "mark"
RULES = """
[[deny]]
name = "no-tool"
commands = [["/srv/what/tools/denied", "**"]]

[[permit]]
name = "roots"
who = ["group:dba"]
commands = [["/usr/bin/*", "**"], ["/usr/sbin/*", "**"], ["/srv/what/tools/*", "**"], ["/home/alice/*", "**"],
            ["/srv/what/mounted/*", "**"], ["/opt/believed/*", "**"]]
grant = { lasts = "1h", uses = 9 }

[[permit]]
name = "venvs"
who = ["group:dba"]
commands = [["/home/alice/venv/bin/*", "**"]]
run = { writable = "allow" }
"""
INTERPRETERS = {
    "python3": ("-c", "import os, sys; print(open('/proc/self/cmdline').read().split(chr(0))[0], sys.prefix, os.__file__)"),
    "perl": ("-e", "open(F, '/proc/self/cmdline'); print((split /\\0/, <F>)[0], \"\\n\")"),
    "node": ("-e", "console.log(require('fs').readFileSync('/proc/self/cmdline', 'utf8').split('\\0')[0])"),
    "busybox": ("sh", "-c", "tr '\\0' '\\n' </proc/$$/cmdline | head -n 1"),
    "bash": ("-c", "tr '\\0' '\\n' </proc/$$/cmdline | head -n 1; :"),
    "dash": ("-c", "tr '\\0' '\\n' </proc/$$/cmdline | head -n 1; :"),
    "zsh": ("-fc", "tr '\\0' '\\n' </proc/$$/cmdline | head -n 1; :"),
}


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    shutil.rmtree(PLACE, ignore_errors=True)
    (PLACE / "tools").mkdir(parents=True, mode=0o755)
    TRUSTED.mkdir(parents=True, exist_ok=True)
    shutil.copy("/bin/echo", PLACE / "tools/denied")
    (PLACE / "tools/echo").symlink_to("/usr/bin/busybox")
    with House(RULES, f'trusted_mounts = ["{TRUSTED}"]') as made:
        yield made
    shutil.rmtree(PLACE)
    TRUSTED.rmdir()


@pytest.fixture(scope="module")
def theirs() -> Iterator[Path]:
    """A directory of alice's with a link to /usr/bin, and beside it what an interpreter takes for its own library."""
    made = Path("/home/alice/linked")
    python = f"python3.{sys.version_info.minor}"
    evil = f"import posix\nposix.mkdir('{MARK}')\n"
    for name in (f"lib/{python}/os.py", f"lib/{python}/encodings/__init__.py", "share/perl5/strict.pm"):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(evil)
    (made / f"lib/{python}/lib-dynload").mkdir()
    (made / "bin").symlink_to("/usr/bin")
    subprocess.run(["chown", "-hR", "alice:", made], check=True)
    os.chmod("/home/alice", 0o755)
    yield made
    shutil.rmtree(made)
    os.chmod("/home/alice", 0o700)


WAYS = {
    "absolute": ("{theirs}/bin/{name}", "/"),
    "relative": ("bin/{name}", "{theirs}"),
    "by dots": ("../linked/./bin/{name}", "{theirs}"),
    "through the directory of the process": ("../../../../bin/{name}", "{theirs}/bin"),
}


@pytest.mark.parametrize("name", [name for name in INTERPRETERS if shutil.which(name)])
def test_a_link_on_the_way_to_an_interpreter_lends_it_no_library(house: House, theirs: Path, name: str) -> None:
    """THREATS R-15: /usr/bin/python3 called by a path of alice's would read its library in her directory, as root."""
    for way, cwd in WAYS.values():
        typed = way.format(theirs=theirs, name=name)
        done = house.sudo("alice", typed, *INTERPRETERS[name], cwd=cwd.format(theirs=theirs))
        assert not MARK.exists(), f"{typed}: alice's library ran"
        assert done.returncode == 0 and done.stdout.split()[0] == f"/usr/bin/{name}", (typed, done)
    if name == "python3":
        assert done.stdout.split()[1] == "/usr"


def test_a_name_and_a_login_shell_and_a_last_link_are_called_as_before(house: House) -> None:
    """THREATS R-15: the honest twins. busybox does what it is called; a script sees its path."""
    line = ("-c", "tr '\\0' '\\n' </proc/$$/cmdline | head -n 1; :")
    assert house.sudo("alice", "bash", *line).stdout == "bash\n"
    assert house.sudo("alice", "-i", "echo", "$0").stdout == "-bash\n"
    assert house.sudo("alice", f"{PLACE}/tools/echo", "called").stdout == "called\n"
    assert house.sudo("alice", "./tools/echo", "called", cwd=str(PLACE)).stdout == "called\n"
    script = PLACE / "tools/script"
    script.write_text('#!/bin/sh\necho "$0"\n')
    script.chmod(0o755)
    assert house.sudo("alice", "tools/script", cwd=str(PLACE)).stdout == f"{script}\n"


def test_page_record_environment_and_lease_say_the_same_name(house: House, theirs: Path) -> None:
    """THREATS R-01, R-15: what runs is called the same wherever it is named."""
    asking = house.ask("alice", "--for=10m", f"{theirs}/bin/dash", "-c", "echo $SUDO_COMMAND")
    assert asking.end() == 0 and asking.out == "/usr/bin/dash -c echo $SUDO_COMMAND\n", asking.err
    row = next(row for row in house.rows("requests", "--all") if row["argv"][1:] == ["-c", "echo $SUDO_COMMAND"])
    assert (row["argv"][0], row["path"]) == ("/usr/bin/dash", "/usr/bin/dash")
    page = house.jitd("show", row["id"]).stdout
    assert "/usr/bin/dash -c" in page and str(theirs) not in page


def test_an_environment_of_somebodys_own_needs_the_rules_word(house: House, theirs: Path) -> None:
    """THREATS R-15: bin/python3 of a venv is a link of theirs and keeps its name; what lies beside it is read as root."""
    venv = Path("/home/alice/venv")
    for name in ("venv", "linked/own"):
        made = Path("/home/alice", name)
        (made / "bin").mkdir(parents=True)
        (made / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
        (made / "bin/python3").symlink_to("/usr/bin/python3")
        subprocess.run(["chown", "-hR", "alice:", made], check=True)
    allowed = house.sudo("alice", f"{venv}/bin/python3", "-c", "import sys; print(sys.prefix, sys.executable)")
    assert allowed.stdout == f"{venv} {venv}/bin/python3\n", allowed.stderr
    (Path("/home/alice") / "python3").symlink_to("/usr/bin/python3")
    os.lchown("/home/alice/python3", ALICE, ALICE)
    refused = house.sudo("alice", "/home/alice/python3", "-c", f"import os; os.mkdir('{MARK}')")
    assert refused.returncode == 121 and "others can change the file of this command" in refused.stderr
    assert not MARK.exists()
    Path("/home/alice/python3").unlink()
    shutil.rmtree(venv)


# --- a deny holds for the file ---------------------------------------------------------------------------------------


def test_a_denied_program_is_denied_by_its_other_names(house: House, theirs: Path) -> None:
    """THREATS R-16: by a link of the requester's, and by another hard link; a copy is another file."""
    (theirs / "link").symlink_to(PLACE / "tools/denied")
    (theirs / "tools").symlink_to(PLACE / "tools")
    os.link(PLACE / "tools/denied", PLACE / "tools/hard")
    shutil.copy(PLACE / "tools/denied", PLACE / "tools/copy")
    for name in (f"{PLACE}/tools/denied", f"{theirs}/tools/denied", f"{PLACE}/tools/hard", f"{theirs}/tools/hard"):
        done = house.sudo("alice", name, "ran")
        assert done.returncode == 121 and "rule no-tool denies it" in done.stderr and done.stdout == "", (name, done)
    os.symlink(theirs / "link", "/home/alice/denied")
    done = house.sudo("alice", "/home/alice/denied", "ran")
    assert done.returncode == 121 and "rule no-tool denies it" in done.stderr, done
    assert house.sudo("alice", f"{PLACE}/tools/copy", "ran").stdout == "ran\n"
    for made in (PLACE / "tools/hard", PLACE / "tools/copy", Path("/home/alice/denied"), theirs / "link", theirs / "tools"):
        made.unlink()


# --- mounts that say whose a file is ---------------------------------------------------------------------------------


@pytest.fixture
def source() -> Iterator[Path]:
    """Two programs of alice's, in a directory of hers."""
    made = Path("/srv/source")
    made.mkdir()
    (made / "tool").write_text(f"#!/bin/sh\nmkdir {MARK}\n")
    (made / "tool").chmod(0o755)
    subprocess.run(["chown", "-R", "alice:", made], check=True)
    yield made
    shutil.rmtree(made)


def node(name: str, kind: str, *numbers: int) -> None:
    if not Path(f"/dev/{name}").exists():
        subprocess.run(["mknod", f"/dev/{name}", kind, *map(str, numbers)], check=True)


def bind_as_root(source: Path, place: Path) -> None:
    node("fuse", "c", 10, 229)
    subprocess.run(["bindfs", "--force-user=root", "--force-group=root", "-o", "allow_other", source, place], check=True)


def plug_in(source: Path, place: Path) -> None:
    """A file system of somebody's: on it they are root."""
    node("loop-control", "c", 10, 237)
    for number in range(16):
        node(f"loop{number}", "b", 7, number)
    image = source / "image"
    image.touch()
    os.truncate(image, 4 << 20)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    subprocess.run(["mount", "-o", "loop,nosuid", image, place], check=True)
    shutil.copy(source / "tool", place / "tool")


def in_memory(source: Path, place: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "nosuid,mode=755", "x", place], check=True)
    shutil.copy(source / "tool", place / "tool")


def overlaid(source: Path, place: Path) -> None:
    """An overlay of root's, over directories of root's."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "x", place], check=True)
    for name in ("upper", "work", "lower"):
        (place / name).mkdir()
    shutil.copy(source / "tool", place / "lower/tool")
    layers = f"lowerdir={place}/lower,upperdir={place}/upper,workdir={place}/work"
    subprocess.run(["mount", "-t", "overlay", "-o", layers, "x", place], check=True)


KINDS = {
    "FUSE that says that all is root's": (bind_as_root, "its mount is fuse: its server decides whose a file is"),
    "a file system of somebody's": (plug_in, "its mount is nosuid: what is on it may come from elsewhere"),
    "one in memory that is for anybody": (in_memory, "its mount is nosuid: what is on it may come from elsewhere"),
    "an overlay of root's": (overlaid, ""),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", [PLACE / "mounted", TRUSTED], ids=["anywhere", "where root believes it"])
def test_a_file_is_roots_only_where_the_mount_can_be_believed(house: House, source: Path, kind: str, place: Path) -> None:
    """THREATS X-19: what says of itself that it is root's is written by whoever serves it, or has brought it along."""
    mount, why_not = KINDS[kind]
    place.mkdir(exist_ok=True)
    mount(source, place)
    try:
        status = (place / "tool").stat()
        assert status.st_uid == 0 and not status.st_mode & 0o022, "it says that it is root's"
        done = house.sudo("alice", f"{place}/tool")
        if why_not and place != TRUSTED:
            assert done.returncode == 121 and not MARK.exists(), done
            assert f"others can change the file of this command, which rule roots does not allow: {place}" in done.stderr
            assert why_not in done.stderr, done.stderr
        else:
            assert done.returncode == 0 and MARK.exists(), done.stderr
    finally:
        while os.path.ismount(place):
            subprocess.run(["umount", place], check=True)
        shutil.rmtree(MARK, ignore_errors=True)
        if place != TRUSTED:
            place.rmdir()
