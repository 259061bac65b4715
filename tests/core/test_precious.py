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
    ("cat sudoers", "/etc", {"/etc/sudoers": "who may act as root"}),
    ("vi /etc/pam.d/sudo", "/srv", {"/etc/pam.d/sudo": "who may log in, and how"}),
    ("ls ./security", "/etc", {"/etc/security": "who may log in, and how"}),
    ("cat /var/lib/jitd/jitd.db", "/srv", {"/var/lib/jitd/jitd.db": "what jitd decides by, its code or its record"}),
    ("kinit -k -t web.keytab", "/srv", {"/srv/web.keytab": "keys of Kerberos"}),
    ("cat /var/lib/krb5kdc/principal", "/srv", {"/var/lib/krb5kdc/principal": "keys of Kerberos"}),
    ("ls /etc/krb5kdc", "/srv", {"/etc/krb5kdc": "keys of Kerberos"}),
    ("strings /proc/1/mem", "/srv", {"/proc/1/mem": "the memory of the host or of a process"}),
    ("vi /etc/crontab", "/srv", {"/etc/crontab": "what the host starts by itself"}),
    ("ls /boot", "/srv", {"/boot": "what the host boots"}),
    ("tee /etc/ld.so.preload", "/srv", {"/etc/ld.so.preload": "what every program or shell loads"}),
    ("curl --unix-socket /run/docker.sock x", "/srv", {"/run/docker.sock": "control of containers, and so of the host"}),
    ("ls /root", "/srv", {"/root": "root's own files"}),
    # what is none
    ("ls security", "/etc", {}),
    ("systemctl restart postgresql", "/root", {}),
    ("systemctl restart nginx", "/etc/systemd/system", {}),
    ("cat /etc/hosts", "/srv", {}),
    ("cat /srv/etc/shadow", "/srv", {}),
    ("cat -n", "/etc", {}),
    ("cat", "/etc", {}),
]

SHADOW = (("/etc/shadow", "the hashes of passwords"),)


@pytest.mark.parametrize(("line", "cwd", "found"), ROWS)
def test_which_files_are_named(line: str, cwd: str, found: dict[str, str]) -> None:
    asked = replace(command(*line.split()), cwd=cwd.encode())
    assert dict(precious.precious(asked)) == found


def test_every_kind_of_file_is_found_by_its_own_pattern() -> None:
    kinds = [what for _, what in precious._FILES]
    assert len(set(kinds)) == len(kinds)
    assert {what for _, _, found in ROWS for what in found.values()} == set(kinds), "and has a row here"


@given(st.lists(st.binary(max_size=60), max_size=6), st.binary(max_size=20))
def test_whatever_is_asked_for_there_is_an_answer(argv: list[bytes], cwd: bytes) -> None:
    asked = replace(command("cat", *argv), cwd=b"/" + cwd)
    assert len(precious.precious(asked)) <= 4 * len(argv)


def test_long_and_many_arguments_are_passed_over() -> None:
    assert precious.precious(command("cat", b"/etc/shadow/" + b"/" * LONGEST)) == ()
    assert precious.precious(command("cat", *["x"] * MOST_WORDS, "/etc/shadow")) == ()
    assert precious.precious(command("cat", *["x"] * (MOST_WORDS - 1), "/etc/shadow")) == ()
    assert precious.precious(command("cat", *["x"] * (MOST_WORDS - 2), "/etc/shadow")) == SHADOW
    assert precious.precious(command("cat", b"/etc/shadow/" + b"/" * (LONGEST - len("/etc/shadow/")))) == SHADOW
    assert (MOST_WORDS, LONGEST) == (256, 4096)
