# SPDX-License-Identifier: Apache-2.0
"""Which ELF interpreter the kernel opens is found in the file, whatever the file says of itself (THREATS X-22)."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from jitd.files.inspection import inspect
from jitd.files.interpreters import opened_for

LOADER = b"/lib64/ld-linux-x86-64.so.2"
WRONG = b"/lib64/no-linux-x86-64.so.2"


def loaders(path: Path) -> tuple[bytes, ...]:
    file = os.open(path, os.O_RDONLY)
    try:
        return opened_for(file, os.fsencode(path)).loaders
    finally:
        os.close(file)


def at(place: int, value: bytes) -> Callable[[bytes], bytes]:
    return lambda content: content[:place] + value + content[place + len(value) :]


def far_away(content: bytes) -> bytes:
    """With its table of segments at its end."""
    place, count = int.from_bytes(content[32:40], "little"), int.from_bytes(content[56:58], "little")
    table = content[place : place + count * 56]
    return at(32, len(content).to_bytes(8, "little"))(content) + table


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda content: content,
    "it says that it is of 32 bits": at(4, b"\x01"),
    "it says that it is of no class": at(4, b"\x07"),
    "it says that its bytes are in the other order": at(5, b"\x02"),
    "its table is at its end": far_away,
}


@pytest.mark.parametrize("how", CHANGES)
def test_the_loader_that_the_kernel_opens_is_found_whatever_the_file_says_of_itself(tmp_path: Path, how: str) -> None:
    """THREATS X-22: the kernel is asked as well, by a loader that is not there."""
    content = CHANGES[how](Path("/bin/true").read_bytes())
    for loader in (LOADER, WRONG):
        path = tmp_path / loader.decode().replace("/", "-")
        path.write_bytes(content.replace(LOADER, loader, 1))
        path.chmod(0o755)
        assert loaders(path) == (loader,)
        try:
            subprocess.run([path], capture_output=True, check=False)  # the loader itself may not like what it is given
            is_found = True
        except FileNotFoundError:
            is_found = False
        assert is_found is (loader == LOADER)


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"\x7fELF" + b"\xff" * 60, b"#!/bin/sh\n", b"\x7fELF" + b"\0" * 4096])
def test_what_is_no_program_names_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert loaders(path) == ()


def test_a_program_without_libraries_names_none(tmp_path: Path) -> None:
    (tmp_path / "x.c").write_text("int main(void) { return 0; }\n")
    subprocess.run(["gcc", "-static", "-o", tmp_path / "x", tmp_path / "x.c"], check=True)
    assert loaders(tmp_path / "x") == ()


@pytest.mark.parametrize("which", ["the file", "its directory", "a link to it", "another file in its place"])
def test_a_loader_that_others_can_change_by_now_is_found_though_they_could_not_before(which: str) -> None:
    """THREATS X-22: what was found before is believed only as long as nothing on the way is different."""
    with tempfile.TemporaryDirectory(prefix="", dir="/var/tmp") as made:
        place = Path(made)
        place.chmod(0o755)
        (place / "l").mkdir()
        loader, program = place / "l/ld.so", place / "program"
        shutil.copy("/lib64/ld-linux-x86-64.so.2", loader)
        name = os.fsencode(loader).ljust(len(LOADER), b"\0")
        assert len(name) == len(LOADER), "the temporary directory has a short name"
        program.write_bytes(Path("/bin/true").read_bytes().replace(LOADER, name, 1))
        program.chmod(0o755)
        assert inspect(os.fsencode(program), 0).by_name == inspect(os.fsencode(program), 0).by_name == ()
        if which == "the file":
            loader.chmod(0o757)
        elif which == "its directory":
            (place / "l").chmod(0o757)
        else:
            other = place / "other"
            shutil.copy(loader, other)
            other.chmod(0o757)
            loader.unlink()
            loader.symlink_to(other) if which == "a link to it" else other.rename(loader)
        (told,) = inspect(os.fsencode(program), 0).by_name
        assert told.startswith(f"its ELF interpreter {loader} can be changed by others (")
