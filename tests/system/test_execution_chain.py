# SPDX-License-Identifier: Apache-2.0
"""Everything that the kernel opens to execute the command is what was approved, also where the requester owns it (THREATS X-22).

Law: each attack stands beside the honest use that looks like it, and a refusal is followed by a look whether anything ran.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.system.conftest import House

ALICE = 4001
HOME = Path("/home/alice/chain")
MARK = Path("/srv/chain-mark")
ROOTS = Path("/srv/chain")
RULES = """
[[permit]]
name = "theirs"
who = ["group:dba"]
commands = [["/home/alice/chain/bin/*", "**"]]
approvals = [{ need = 1, from = ["group:ops"] }]
run = { writable = "allow" }
grant = { lasts = "1h", uses = 9 }

[[permit]]
name = "at-once"
who = ["group:dba"]
commands = [["/home/alice/chain/free/*", "**"]]
run = { writable = "allow" }

[[permit]]
name = "roots"
who = ["group:dba"]
commands = [["/usr/bin/*", "**"], ["/srv/chain/*", "**"]]
"""
EVIL = f"#!/usr/bin/dash\nmkdir {MARK}\n"
STATIC = r"""
static long call(long n, const char *a, long b) {
    long r;
    __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b) : "rcx", "r11", "memory");
    return r;
}
void _start(void) { call(83, "%s", 0755); call(60, 0, 0); for (;;); }
"""
"""A program without libraries that makes the directory: what a loader of somebody's may do (x86-64)."""


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with House(RULES) as made:
        os.chmod("/home/alice", 0o755)
        yield made
        os.chmod("/home/alice", 0o700)


@pytest.fixture
def place(house: House) -> Iterator[Path]:
    """A directory of alice's own, as a virtual environment is one."""
    house.sudo("alice", "-K")
    shutil.rmtree(HOME, ignore_errors=True)
    for name in ("bin", "free", "by"):
        (HOME / name).mkdir(parents=True)
    chown()
    yield HOME
    shutil.rmtree(HOME, ignore_errors=True)
    shutil.rmtree("/home/alice/gone", ignore_errors=True)
    shutil.rmtree(MARK, ignore_errors=True)
    shutil.rmtree(ROOTS, ignore_errors=True)


def chown() -> None:
    subprocess.run(["chown", "-hR", "alice:", HOME], check=True)


def program(path: Path, content: str | bytes) -> Path:
    path.unlink(missing_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(0o755)
    os.chown(path, ALICE, ALICE)
    return path


# --- the attacks -----------------------------------------------------------------------------------------------------


def by_a_file(place: Path) -> Callable[[], object]:
    reader = program(place / "by/sh", Path("/usr/bin/dash").read_bytes())
    program(place / "bin/tool", f'#!{reader}\necho good "$1"\n')
    return lambda: program(reader, EVIL)


def by_a_link(place: Path) -> Callable[[], object]:
    """As bin/python3 of a virtual environment."""
    reader = place / "by/sh"
    reader.symlink_to("/usr/bin/dash")
    program(place / "bin/tool", f'#!{reader}\necho good "$1"\n')
    return lambda: (reader.unlink(), reader.symlink_to(program(place / "by/evil", EVIL)))


def by_a_directory(place: Path) -> Callable[[], object]:
    reader = place / "by/sh"
    reader.symlink_to("/usr/bin/dash")
    program(place / "bin/tool", f'#!{reader}\necho good "$1"\n')

    def swap() -> None:
        (place / "by").rename("/home/alice/gone")
        (place / "by").mkdir()
        program(place / "by/sh", EVIL)

    return swap


def by_its_interpreter(place: Path) -> Callable[[], object]:
    inner = program(place / "by/inner", Path("/usr/bin/dash").read_bytes())
    outer = program(place / "by/outer", f'#!{inner} -e\nshift 0; . "$1"\n')
    program(place / "bin/tool", f'#!{outer}\necho good "$2"\n')
    return lambda: program(inner, EVIL)


def by_the_outer_one(place: Path) -> Callable[[], object]:
    swap = by_its_interpreter(place)
    assert swap is not None
    return lambda: program(place / "by/outer", EVIL)


SWAPS = [by_a_file, by_a_link, by_a_directory, by_its_interpreter, by_the_outer_one]


@pytest.mark.parametrize("way", SWAPS)
def test_an_interpreter_that_is_swapped_after_the_approval_does_not_run(
    house: House, place: Path, way: Callable[[Path], Callable[[], object]]
) -> None:
    """THREATS X-22."""
    swap = way(place)
    id = house.sudo("alice", "--no-wait", f"{place}/bin/tool", f"once-{way.__name__}").stdout.strip()
    house.approved(id)
    swap()
    done = house.sudo("alice", f"--resume={id}")
    assert not MARK.exists(), "the swapped interpreter ran as root"
    assert done.returncode in (121, 126), done


@pytest.mark.parametrize("way", SWAPS)
def test_an_interpreter_that_is_swapped_under_a_lease_does_not_run(
    house: House, place: Path, way: Callable[[Path], Callable[[], object]]
) -> None:
    """THREATS X-22: the lease answers as long as the chain is the approved one, and not any more then."""
    swap = way(place)
    asking = house.ask("alice", "--for=10m", f"{place}/bin/tool", way.__name__)
    house.approved(asking.id)
    assert asking.end() == 0 and asking.out == f"good {way.__name__}\n", (asking.out, asking.err)
    again = house.sudo("alice", "-n", f"{place}/bin/tool", way.__name__)
    assert (again.returncode, again.stdout) == (0, f"good {way.__name__}\n"), again
    swap()
    done = house.sudo("alice", "-n", f"{place}/bin/tool", way.__name__)
    assert not MARK.exists(), "the swapped interpreter ran as root"
    assert done.returncode == 118, done


def loaded_by(program_file: Path, loader: str) -> bytes:
    """The program with another ELF interpreter of at most the same length."""
    content, known = program_file.read_bytes(), b"/lib64/ld-linux-x86-64.so.2"
    assert known in content and len(loader) <= len(known)
    return content.replace(known, loader.encode().ljust(len(known), b"\0"), 1)


@pytest.mark.parametrize("what", ["the command", "its interpreter"])
def test_an_elf_interpreter_that_others_can_change_is_refused_and_said(
    house: House, place: Path, tmp_path: Path, what: str
) -> None:
    """THREATS X-22: the kernel opens it by its name, and no copy can stand in for it."""
    loader = program(place / "ld.so", Path("/lib64/ld-linux-x86-64.so.2").read_bytes())
    name = "bin/tool" if what == "the command" else "by/sh"
    program(place / name, loaded_by(Path("/usr/bin/dash"), str(loader)))
    if what == "its interpreter":
        program(place / "bin/tool", f'#!{place}/by/sh\necho good "$1"\n')
    words = ("-c", "echo good word") if what == "the command" else ("word",)
    id = house.sudo("alice", "--no-wait", f"{place}/bin/tool", *words).stdout.strip()
    if id:
        house.approved(id)
    (tmp_path / "evil.c").write_text(STATIC % MARK)
    subprocess.run(["gcc", "-nostdlib", "-static", "-o", tmp_path / "evil", tmp_path / "evil.c"], check=True)
    program(loader, (tmp_path / "evil").read_bytes())
    if id:
        house.sudo("alice", f"--resume={id}")
    assert not MARK.exists(), "the swapped loader ran as root"
    done = house.sudo("alice", "-n", f"{place}/bin/tool", *words)
    assert done.returncode == 121, done
    assert f"its ELF interpreter {loader} can be changed by others" in done.stderr, done.stderr


def test_a_link_does_not_choose_among_equal_scripts_of_roots_after_the_approval(house: House, place: Path) -> None:
    """THREATS X-22: a script reads what lies beside it, and another directory has other things."""
    for name in ("one", "other"):
        beside = ROOTS / name
        beside.mkdir(parents=True)
        (beside / "tool").write_text('#!/bin/sh\necho "${0##*/}"; . "${0%/*}/settings"\n')
        (beside / "tool").chmod(0o755)
        (beside / "settings").write_text(f"mkdir {MARK}\n" if name == "other" else "echo good\n")
    link = place / "bin/link"
    link.symlink_to(ROOTS / "one/tool")
    asking = house.ask("alice", "--for=10m", str(link))
    house.approved(asking.id)
    asking.end()
    assert asking.out == "link\n", "it is called by the approved name"
    link.unlink()
    link.symlink_to(ROOTS / "other/tool")
    house.sudo("alice", "-n", str(link))
    assert not MARK.exists(), "another program of root's ran than when it was approved"


@pytest.mark.parametrize("line", ["/usr/bin/env {}", "/bin/sh {}", "/usr/bin/env -S X=1 {}"])
def test_what_a_first_line_names_as_an_argument_is_shown_and_is_refused_where_others_may_change_nothing(
    house: House, place: Path, line: str
) -> None:
    """THREATS R-06: env and shells execute it, and it can change until then."""
    named = program(place / "by/named", "#!/bin/sh\necho good\n")
    tool = program(place / "bin/tool", f"#!{line.format(named)}\n")
    asking = house.ask("alice", str(tool), line)
    wanted = {"path": str(named), "digest": "", "because": f"/home/alice belongs to uid {ALICE}"}
    assert house.show(asking.id, "bob")["interpreters"] == [wanted]
    page = house.jitd("show", asking.id, who="bob").stdout
    assert str(named) in page and "NOT BOUND: the first line names it" in page
    house.approved(asking.id)
    assert asking.end() == 0 and asking.out == "good\n", asking.err
    ROOTS.mkdir()
    roots = ROOTS / "tool"
    roots.write_text(f"#!{line.format(named)}\n")
    roots.chmod(0o755)
    program(named, EVIL)
    for _ in range(2):
        refused = house.sudo("alice", "-n", str(roots))
        assert not MARK.exists(), "what alice can change ran as root"
        assert refused.returncode == 121 and "others can change the file of this command" in refused.stderr, refused
        named.unlink(missing_ok=True)  # whoever can make it is told, too


def test_a_first_line_may_name_what_only_root_can_change(house: House, place: Path) -> None:
    """THREATS R-06: as Debian's scripts do, whose first line names /lib/init/init-d-script."""
    ROOTS.mkdir()
    roots = ROOTS / "tool"
    roots.write_text("#!/usr/bin/env -S TMPDIR=/tmp --unset=X /bin/echo /dev/null\n")
    roots.chmod(0o755)
    done = house.sudo("alice", "-n", str(roots))
    assert (done.returncode, done.stdout) == (0, f"/dev/null {roots}\n"), done


def test_the_approver_sees_what_executes_the_command(house: House, place: Path) -> None:
    """THREATS X-22."""
    reader = program(place / "by/sh", Path("/usr/bin/dash").read_bytes())
    program(place / "bin/tool", f"#!{reader}\necho good\n")
    asking = house.ask("alice", f"{place}/bin/tool", "seen")
    digest = hashlib.sha256(reader.read_bytes()).hexdigest()
    wanted = {"path": str(reader), "digest": digest, "because": f"/home/alice belongs to uid {ALICE}"}
    assert house.show(asking.id, "bob")["interpreters"] == [wanted]
    page = house.jitd("show", asking.id, who="bob").stdout
    assert str(reader) in page and f"SHA-256 {digest}" in page
    assert "the command's own and what executes it are bound, those that arguments name or that it reads are not" in page
    house.deny(asking.id)
    assert asking.end() == 122


# --- the honest twins ------------------------------------------------------------------------------------------------


def test_a_script_of_a_virtual_environment_runs_and_finds_what_is_in_it(house: House, place: Path) -> None:
    """The documented case of run.writable: a script of pip's, whose interpreter is a link of the requester's."""
    venv = place / "venv"
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", venv], check=True)
    (library,) = (venv / "lib").glob("python3*/site-packages")
    (library / "ours.py").write_text("import sys\ndef main(): print(sys.prefix, sys.argv[1:], sys.executable)\n")
    program(place / "bin/tool", f"#!{venv}/bin/python3\nfrom ours import main\nmain()\n")
    chown()
    asking = house.ask("alice", "--for=10m", f"{place}/bin/tool", "a b")
    house.approved(asking.id)
    said = f"{venv} ['a b'] {venv}/bin/python3\n"
    assert asking.end() == 0 and asking.out == said, asking.err
    assert house.sudo("alice", "-n", f"{place}/bin/tool", "a b").stdout == said
