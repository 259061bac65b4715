# SPDX-License-Identifier: Apache-2.0
"""What binds the run is on the page: two commands that are not the same never look the same (THREATS R-01).

Law: the fields are those that ``Command`` has, not a list that somebody keeps.
"""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from jitd.cli import page
from jitd.core.command import JITSUDO, Command, Operand, RunAs
from tests.client.script import row_for, waiting
from tests.scene import command

OTHERWISE: dict[str, list[object]] = {
    "argv": [(b"true", b""), (b"true", b"a b"), (b"true", b"a", b"b")],
    "path": [b"/bin/true"],
    "digest": [b"e" * 32, b""],
    "run_as": [RunAs("bob", 1002, "root", 0), RunAs("root", 0, "adm", 4)],
    "cwd": [b"/", b"/srv/x"],
    "variables": [((b"A", b""),), ((b"A", b"1"),), ((b"B", b""),)],
    "locale": [((b"TERM", b""),), ((b"TERM", b"xterm"),), ((b"LANG", b""),)],
    "streams": [("pipe", "pipe", "null"), ("null", "pipe", "pipe"), ()],
    "operands": [
        (Operand(1, b"/home/alice/x.sh", b"d" * 32, "it belongs to uid 4001", True),),
        (Operand(2, b"/home/alice/x.sh", b"d" * 32, "it belongs to uid 4001", True),),
        (Operand(1, b"/home/alice/y.sh", b"d" * 32, "it belongs to uid 4001", True),),
        (Operand(1, b"/home/alice/x.sh", b"c" * 32, "it belongs to uid 4001", True),),
        (Operand(1, b"/home/alice/x.sh", b"", "it belongs to uid 4001; it is too large to be bound", True),),
    ],
    "options": [(b"-E",), (b"-H",), (b"-E", b"-H")],
    "doubt": ["it has an option that is not known", "it has two commands"],
}
"""Field → other values than the plain command's, no two of them the same."""
BY_NUMBER = {"cwd_device", "cwd_inode"}
"""They say which directory the path meant; nobody could read anything from them."""


def without_its_fingerprint(what: Command, service: str) -> str:
    """The page, as it would be if the fingerprint told nobody anything."""
    request = replace(waiting("true"), command=what, service=service)
    text = "\n".join(page.page(row_for(request), None))
    assert text.count(request.fingerprint.hex()) == 1
    return text.replace(request.fingerprint.hex(), "")


@pytest.mark.parametrize("service", [JITSUDO, "sudo"])
def test_whatever_is_another_command_is_another_page(service: str) -> None:
    """THREATS R-01: each field of the command, each of its values on its own."""
    assert set(OTHERWISE) | BY_NUMBER == {field.name for field in fields(Command)}
    plain = replace(command("true"), locale=(), streams=("null", "null", "null"))
    pages = {without_its_fingerprint(plain, service): "the plain one"}
    unseen = {"locale", "streams"} if service != JITSUDO else set()  # of what another program runs, jitd binds neither
    for name, values in OTHERWISE.items():
        for value in values if name not in unseen else []:
            text = without_its_fingerprint(replace(plain, **{name: value}), service)
            assert text not in pages, f"{name}={value!r} looks like {pages.get(text)}"
            pages[text] = f"{name}={value!r}"
