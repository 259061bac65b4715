# SPDX-License-Identifier: Apache-2.0
"""Accounts of a name service that folds by itself, as SSSD does: it answers to any case, with the name that it knows."""

from __future__ import annotations

import pwd

import pytest

from jitd.core.naming import Form, Naming
from jitd.deciding import accounts
from jitd.deciding.accounts import Accounts
from jitd_inspection.checking.directory import uids

REALM = "AD.EXAMPLE.TEST"
KNOWN = pwd.struct_passwd(("jsmith@ad.example.test", "x", 4201, 0, "", "/", "/bin/sh"))


@pytest.fixture(autouse=True)
def folding(monkeypatch: pytest.MonkeyPatch) -> None:
    def by_name(name: str) -> pwd.struct_passwd:
        if name.lower() != KNOWN.pw_name:
            raise KeyError(name)
        return KNOWN

    monkeypatch.setattr(accounts.pwd, "getpwnam", by_name)
    monkeypatch.setattr(accounts.os, "getgrouplist", lambda name, gid: [gid])
    monkeypatch.setattr(accounts, "has_expired", lambda name, at: False)


def of(form: Form, principal: str, table: dict[str, str] | None = None) -> str | None:
    found = Accounts(Naming(frozenset({REALM}), table or {}, {REALM: form}), {}, 1000).subject(principal.encode(), None)
    return None if found is None else f"{found.principal} {found.spelled}".strip()


def test_an_account_that_does_not_map_back_is_nobody() -> None:
    """THREATS K-24: NSS must know the account by exactly the name that the principal maps to."""
    written, folded = Form("", "@ad.example.test"), Form("", "@ad.example.test", folds=True)
    assert of(written, f"jsmith@{REALM}") == f"jsmith@{REALM}"
    assert of(written, f"JSmith@{REALM}") is None
    assert of(folded, f"JSmith@{REALM}") == f"jsmith@{REALM} JSmith@{REALM}"
    assert of(Form("", "@AD.example.test", folds=True), f"jsmith@{REALM}") is None, "the domain, too"
    assert of(written, f"x@{REALM}", {f"x@{REALM}": "JSmith@ad.example.test"}) is None
    assert of(written, f"j\u00fcrgen@{REALM}", {f"j\u00fcrgen@{REALM}": "jsmith@ad.example.test"}) == f"j\u00fcrgen@{REALM}"


def test_who_is_looked_up_again_keeps_the_spelling_of_the_ticket() -> None:
    known = Accounts(Naming(frozenset({REALM}), {}, {REALM: Form("", "@ad.example.test", folds=True)}), {}, 1000)
    found = known.subject(f"JSmith@{REALM}".encode(), None)
    assert found is not None and known.again(found) == found and found.in_ticket == f"JSmith@{REALM}"


def test_check_knows_an_account_only_in_the_spelling_of_the_directory() -> None:
    """THREATS K-24: another spelling is found, and no account that jitd knows has it."""
    listed = {"Root": (0, 0)}
    assert uids(["jsmith@ad.example.test", "JSmith@ad.example.test", "Root", "x"], listed) == {
        "jsmith@ad.example.test": 4201, "JSmith@ad.example.test": None, "Root": 0, "x": None,
    }  # fmt: skip
