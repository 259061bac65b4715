# SPDX-License-Identifier: Apache-2.0
"""What sudoers and doas.conf make of a command line: where a bare name is looked for, and what puts all of it in doubt.

Law: a setting that cannot be read is taken for the one that is feared.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jitd.core.asked_terms import USUAL
from jitd.core.subject import Subject
from jitd.deciding import sudo_settings
from jitd.deciding.command_lookup import Asked
from jitd.deciding.program_commands import Program, at_point
from jitd.deciding.view import View
from jitd.deciding.walking import Held
from tests.pamlint.host import SECURE, UNREADABLE, Texts

PATH = b"/usr/sbin:/usr/bin:/sbin:/bin"
ALICE = Subject("alice@EXAMPLE.TEST", "alice", 4001, 4001, frozenset(), "alice@EXAMPLE.TEST", None)
ASKED = Asked(
    argv=(), login=False, user=None, group=None, cwd=b"/", cwd_device=0, cwd_inode=0, chdir=False, variables=(), preserved=(),
    locale=(), streams=(), reason=None, terms=USUAL,
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "secure_paths", "is_in_doubt"),
    [
        (None, (), False),
        ("", (), False),
        (SECURE, (PATH,), False),
        (SECURE + "Defaults env_reset\nalice ALL=(ALL) NOPASSWD: ALL\n", (PATH,), False),
        (SECURE + 'Defaults secure_path="/opt/bin"\n', (PATH, b"/opt/bin"), False),
        (SECURE + "Defaults !secure_path\n", (PATH,), False),
        ("Defaults:alice secure_path=/bin\n", (b"/bin",), False),
        (SECURE + "Defaults:alice secure_path=/home/alice/bin\n", (PATH, b"/home/alice/bin"), False),
        (SECURE + "Defaults:alice !secure_path\n", (PATH,), False),
        (SECURE + "Defaults exempt_group=wheel\n", (PATH,), False),
        (SECURE + "Defaults runas_default=root\n", (PATH,), False),
        (SECURE + "Defaults runas_default=bob\n", (), True),
        (SECURE + "Defaults:alice runas_default=bob\n", (), True),
        (SECURE + "Defaults runcwd=*\n", (PATH,), False),
        (SECURE + "Defaults runcwd=/srv\n", (), True),
        (SECURE + "Defaults runchroot=/srv\n", (), True),
        (SECURE + "alice ALL=(ALL) CWD=/srv ALL\n", (), True),
        (SECURE + "alice ALL=(ALL) CWD=* ALL\n", (PATH,), False),
        (SECURE + "bob ALL=(ALL) CHROOT = /srv /bin/ls\n", (), True),
        (SECURE + "@include /etc/absent\n", (), True),
        (SECURE + "Defaults env_reset, =\n", (), True),
        (UNREADABLE, (), True),
    ],
)
def test_what_sudoers_say(text: str | None, secure_paths: tuple[bytes, ...], is_in_doubt: bool) -> None:
    """THREATS P-16: also a secure_path for some, and one that is replaced, because sudo-rs skips what it cannot parse."""
    found = sudo_settings.sudoers(Texts({} if text is None else {"/etc/sudoers": text}))
    assert (found.secure_paths, bool(found.doubt)) == (secure_paths, is_in_doubt)


def test_what_an_included_file_says_counts() -> None:
    files: dict[str, str | bytes] = {"/etc/sudoers": SECURE + "@includedir /etc/sudoers.d\n"}
    assert sudo_settings.sudoers(Texts(files | {"/etc/sudoers.d/x": "Defaults runas_default=bob\n"})).doubt
    assert sudo_settings.sudoers(Texts(files | {"/etc/sudoers.d/x": UNREADABLE})).doubt


@pytest.mark.parametrize(
    ("text", "secure_paths", "is_in_doubt"),
    [
        (SECURE, (PATH,), False),
        ("# for sudo-rs\n" + SECURE, (PATH,), False),
        ("", (), True),
        (SECURE + 'Defaults secure_path="/srv"\n', (), True),
        (SECURE + "Defaults runas_default=bob\n", (), True),
        (UNREADABLE, (), True),
    ],
)
def test_sudo_rs_may_have_a_file_of_its_own(text: str, secure_paths: tuple[bytes, ...], is_in_doubt: bool) -> None:
    """THREATS P-16: it reads this file in place of the other; and it is not known which of the two programs asks."""
    found = sudo_settings.sudoers(Texts({"/etc/sudoers": SECURE, "/etc/sudoers-rs": text}))
    assert (found.secure_paths, bool(found.doubt)) == (secure_paths, is_in_doubt)


@pytest.mark.parametrize("service", ["su", "su-l"])
@pytest.mark.parametrize("mode", [None, 0o755, 0o4755])
def test_every_command_of_su_is_in_doubt_where_su_rs_is_set_user_id(tmp_path: Path, service: str, mode: int | None) -> None:
    """THREATS P-16: it has the PAM services of su, and it is not known which of the two programs asks."""
    su_rs = tmp_path / sudo_settings.SU_RS.lstrip("/")
    su_rs.parent.mkdir(parents=True)
    if mode is not None:
        su_rs.touch()
        su_rs.chmod(mode)
    view = View(Held(os.open(tmp_path, os.O_PATH)), Held(os.open("/", os.O_PATH)), b"/")
    words = (b"su", *((b"-",) if service == "su-l" else ()), b"root", b"-c", b"id")
    understood, places = at_point(service, "root", Program(words, False, b"", b"", view), ASKED, ALICE, b"")
    assert ("su-rs" in (understood.doubt or "")) is (mode == 0o4755)
    assert (understood.argv, understood.user, places) == (words, "root", ()), "the other directory has not this host's accounts"


@pytest.mark.parametrize(
    ("text", "keeps"),
    [
        (None, False),
        ("permit nopass alice\n", False),
        ("permit nopass keepenv alice\n", True),
        ("permit setenv { PATH } alice\n", True),
        (UNREADABLE, True),
    ],
)
def test_whether_doas_hands_on_the_environment(text: str | None, keeps: bool) -> None:
    assert sudo_settings.doas_keeps_environment(Texts({} if text is None else {"/etc/doas.conf": text})) is keeps
