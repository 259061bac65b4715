# SPDX-License-Identifier: Apache-2.0
"""Whose key is whose on a host: a file of root, and lines of jitd.toml. What is not certain names nobody."""

from __future__ import annotations

import errno
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import Mock

import pytest

from jitd.core.subject import Approver
from jitd.deciding.signers import Signers, signers_of
from jitd.settings.config import Approvals, Config

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
PEOPLE = {"alice": frozenset({"alice", "alice-adm"})}
AT = datetime(2026, 3, 2, tzinfo=UTC)
ZOE = {"zoe@T": Approver("zoe@T", key=KEY)}


@pytest.mark.parametrize(
    ("content", "approvers", "who", "fault"),
    [
        ("", {}, set(), ""),
        (f"bob@R {KEY}", {}, {"bob@R"}, ""),
        ("", ZOE, {"zoe@T"}, ""),
        (f"zoe@T {KEY}", ZOE, {"zoe@T"}, ""),
        (f"bob@R {KEY}", ZOE, set(), "two persons"),
        (f"alice@R,alice-adm@R {KEY}", {}, {"alice@R", "alice-adm@R"}, ""),
        (f"alice@R,bob@R {KEY}", {}, set(), "two persons"),
        (f"alice@R {KEY}", {"al@T": Approver("alice", key=KEY)}, {"alice@R", "al@T"}, ""),
        (f"bob@R {KEY}\nwhat", ZOE, set(), "line 2"),
        ("", {"zoe@T": Approver("zoe@T", key="ssh-ed25519 AAAA")}, set(), "[approvers] in jitd.toml: the"),
    ],
)
def test_a_key_belongs_to_one_person_or_nobody_has_one(
    tmp_path: Path, content: str, approvers: dict[str, Approver], who: set[str], fault: str
) -> None:
    """THREATS A-28."""
    file = tmp_path / "allowed_signers"
    file.write_text(content)
    config = Config(frozenset({"R"}), "h", people=PEOPLE, approvers=approvers, approvals=Approvals(file))
    signers = signers_of(config, lambda: AT)
    principals = ("alice@R", "alice-adm@R", "bob@R", "zoe@T", "al@T", "eve@R")
    assert {one for one in principals if signers.keys_of(one)} == who
    assert fault in signers.fault and bool(fault) == bool(signers.fault)


def test_keys_that_have_all_ended_are_told_and_one_that_has_not_is_enough(tmp_path: Path) -> None:
    file = tmp_path / "allowed_signers"
    other = f"{KEY[:-1]}g"
    for line, is_told in (("", True), (f"zoe@R {other}", False), (f'zoe@R valid-before="20260303Z" {other}', False)):
        file.write_text(f'bob@R valid-before="20260301Z" {KEY}\n{line}\n')
        signers = Signers(file, lambda: AT)
        assert signers.why_nobody().startswith(f"{file}: the last of its keys ended at 2026-03-01 00:00:00 UTC") == is_told
        assert bool(signers.why_nobody()) == is_told and not signers.keys_of("bob@R") and signers.fault == ""


class Raced(Signers):
    """As if another thread began to read the file as soon as a fault is found: it sets the fault back."""

    fault = property(lambda self: "", lambda self, fault: None)  # type: ignore[assignment]


def test_a_thread_that_begins_to_read_makes_no_key_count_that_another_has_refused(tmp_path: Path) -> None:
    """THREATS A-28."""
    file = tmp_path / "allowed_signers"
    file.write_text(f"alice@R {KEY}")
    assert Raced(file, lambda: AT, lambda principals: frozenset({"alice"})).keys_of("alice@R")
    assert not Raced(file, lambda: AT, lambda principals: frozenset({"alice", "bob"})).keys_of("alice@R")


def test_a_file_that_could_not_be_read_is_read_again_and_a_directory_that_others_may_write_to_takes_its_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS A-28: none of it changes the file itself."""
    file = tmp_path / "etc/allowed_signers"
    file.parent.mkdir(0o755)
    file.write_text(f"bob@R {KEY}")
    signers = Signers(file, lambda: AT)
    with monkeypatch.context() as patched:
        patched.setattr("jitd.settings.owned_file.os.open", Mock(side_effect=OSError(errno.EMFILE, "Too many open files")))
        assert not signers.keys_of("bob@R") and "Too many open files" in signers.fault
    assert signers.keys_of("bob@R") and signers.fault == ""
    file.parent.chmod(0o777)
    assert not signers.keys_of("bob@R") and str(file.parent) in signers.fault
    file.parent.chmod(0o755)
    assert signers.keys_of("bob@R") and signers.fault == ""


def test_the_state_is_another_one_when_the_time_of_a_key_has_ended_whatever_its_line_begins_with(tmp_path: Path) -> None:
    file, at = tmp_path / "allowed_signers", [AT]
    file.write_text(f'!bob/admin@R,bob/*@R valid-before="20260401Z" {KEY}')
    signers = Signers(file, lambda: at[0])
    before = signers.state()
    at[0] = AT.replace(month=5)
    assert signers.keys_of("bob/host@R") == () and signers.state() != before
