# SPDX-License-Identifier: Apache-2.0
"""What the kernel executes certain files with, as it lists it, counts as their interpreter (THREATS R-06)."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd.files import handlers
from jitd.files.inspection import Uninspectable, inspect

ME = os.getuid()
BY_NAME = "enabled\ninterpreter {}\nflags: \nextension .tool\n"
BY_MAGIC = "enabled\ninterpreter {}\nflags: PF\noffset 1\nmagic 61626300\nmask ffff00ff\n"


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory that only root, and who runs this, can change; in it what the kernel lists."""
    path = Path(tempfile.mkdtemp(prefix="jitd-", dir="/var/tmp"))
    path.chmod(0o755)
    (path / "listed").mkdir()
    (path / "listed/status").write_text("enabled\n")
    (path / "listed/register").write_text("")
    of = handlers.of
    monkeypatch.setattr(handlers, "of", lambda name, beginning: of(name, beginning, os.fsencode(path / "listed")))
    yield path
    shutil.rmtree(path)


def program(path: Path, content: bytes = b"#!/bin/sh\n") -> Path:
    path.write_bytes(content)
    path.chmod(0o755)
    return path


def changers(path: Path) -> tuple[str, ...]:
    return inspect(os.fsencode(path), ME).writable_by


FILES = {
    "by its name": (BY_NAME, "a.tool", b"anything", True),
    "by the last part of its name": (BY_NAME, "a.b.tool", b"", True),
    "by another name": (BY_NAME, "a.tools", b"anything", False),
    "without such a name": (BY_NAME, "tool", b"anything", False),
    "by its magic": (BY_MAGIC, "a", b"\0abc\0more", True),
    "by its magic, under the mask": (BY_MAGIC, "a", b"\0abX\0more", True),
    "by another magic": (BY_MAGIC, "a", b"\0aXc\0more", False),
    "by its magic elsewhere": (BY_MAGIC, "a", b"abc\0more", False),
    "by its magic, where it is as short": (BY_MAGIC, "a", b"\0abc", True),
    "a handler that is off": (BY_MAGIC.replace("enabled", "disabled"), "a", b"\0abc\0more", False),
}


@pytest.mark.parametrize("how", FILES)
def test_who_can_change_a_handler_can_change_what_runs(place: Path, how: str) -> None:
    """THREATS R-06: a file that is executed with it is as safe as the handler is, and no other is touched by it."""
    listed, name, content, is_taken = FILES[how]
    handler = program(place / "handler")
    (place / "listed/one").write_text(listed.format(handler))
    file = program(place / name, content)
    assert changers(file) == ()
    handler.chmod(0o757)
    assert changers(file) == ((f"{handler} may be written by everybody",) if is_taken else ())
    told = (
        f"its handler of binfmt_misc {handler} can be changed by others ({handler} may be written by everybody), and the"
        " kernel opens it by its name"
    )
    assert inspect(os.fsencode(file), ME).by_name == ((told,) if is_taken else ())
    (place / "listed/status").write_text("disabled\n")
    assert changers(file) == ()


def test_a_copy_stands_in_for_no_interpreter_behind_a_handler(place: Path) -> None:
    """THREATS X-22: of a script that a handler takes, the kernel does not read the first line."""
    (place / "listed/one").write_text(BY_NAME.format(program(place / "handler")))
    last = program(place / "last")
    file = program(place / "a.tool", f"#!{last}\n".encode())
    last.chmod(0o757)
    found = inspect(os.fsencode(file), ME)
    assert found.interpreters == () and len(found.by_name) == 1 and f"its interpreter {last}" in found.by_name[0]


def test_an_interpreter_of_a_handler_is_followed_too(place: Path) -> None:
    """THREATS R-06."""
    last = program(place / "last")
    (place / "listed/one").write_text(BY_NAME.format(program(place / "handler", f"#!{last}\n".encode())))
    file = program(place / "a.tool", b"anything")
    last.chmod(0o757)
    assert changers(file) == (f"{last} may be written by everybody",)


def test_an_interpreter_that_a_handler_takes_is_followed_too(place: Path) -> None:
    """THREATS R-06."""
    handler = program(place / "handler")
    (place / "listed/one").write_text(BY_NAME.format(handler))
    file = program(place / "script", f"#!{program(place / 'read.tool', b'anything')}\n".encode())
    handler.chmod(0o757)
    assert changers(file) == (f"{handler} may be written by everybody",)


@pytest.mark.parametrize("listed", ["", "perhaps\n", "enabled\n", BY_NAME.format("handler"), "enabled\ninterpreter /bin/sh\n"])
def test_a_handler_that_cannot_be_read_lets_nothing_be_executed(place: Path, listed: str) -> None:
    (place / "listed/one").write_text(listed)
    with pytest.raises(Uninspectable, match="what executes .* cannot be determined"):
        inspect(os.fsencode(program(place / "a")), ME)


def test_where_they_are_not_mounted_there_is_nothing_to_look_at(place: Path) -> None:
    """As in a container, where the kernel says of what another systemd would mount that its links lead in a circle."""
    (place / "listed/status").unlink()
    (place / "listed/status").symlink_to("status")
    assert changers(program(place / "a.tool")) == ()
    shutil.rmtree(place / "listed")
    assert changers(program(place / "a.tool")) == ()
