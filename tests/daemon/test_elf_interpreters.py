# SPDX-License-Identifier: Apache-2.0
"""Which ELF interpreter the kernel opens is found in the file, whatever the file says of itself (THREATS X-22)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

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
