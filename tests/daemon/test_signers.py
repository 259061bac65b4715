# SPDX-License-Identifier: Apache-2.0
"""Whose key is whose on a host: a file of root, and lines of jitd.toml. What is not certain names nobody."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from jitd.core.subject import Approver
from jitd.deciding.signers import signers_of
from jitd.settings.config import Approvals, Config

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
PEOPLE = {"alice": frozenset({"alice", "alice-adm"})}
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
        ("", {"zoe@T": Approver("zoe@T", key="ssh-ed25519 AAAA")}, set(), "allowed_signers"),
    ],
)
def test_a_key_belongs_to_one_person_or_nobody_has_one(
    tmp_path: Path, content: str, approvers: dict[str, Approver], who: set[str], fault: str
) -> None:
    """THREATS A-28."""
    file = tmp_path / "allowed_signers"
    file.write_text(content)
    config = Config(frozenset({"R"}), "h", people=PEOPLE, approvers=approvers, approvals=Approvals(file))
    signers = signers_of(config, lambda: datetime(2026, 3, 2, tzinfo=UTC))
    principals = ("alice@R", "alice-adm@R", "bob@R", "zoe@T", "al@T", "eve@R")
    assert {one for one in principals if signers.keys_of(one)} == who
    assert fault in signers.fault and bool(fault) == bool(signers.fault)
