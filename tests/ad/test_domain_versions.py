# SPDX-License-Identifier: Apache-2.0
"""What the domain of these tests is made of, and docs/platforms.md."""

from __future__ import annotations

from tests import platforms
from tests.ad.conftest import root

OF_THE_MEMBER = {"SSSD": "sssd-ad", "adcli": "adcli", "realmd": "realmd", "msktutil": "msktutil", "MIT Kerberos": "libkrb5-3"}


def test_the_page_tells_which_domain_controller_was_tried() -> None:
    samba = platforms.installed({"Samba": "samba-dsdb-modules"}, via=["on", "dc"])["Samba"]
    release = platforms.release(root("dc", "cat", "/etc/os-release"))
    platforms.tell(platforms.row(f"Samba {samba} (Active Directory)", {"": f"a domain controller on {release}"}))


def test_the_page_tells_which_member_was_tried() -> None:
    release = platforms.release(root("member", "cat", "/etc/os-release"))
    found = platforms.installed(OF_THE_MEMBER, via=["on", "member"])
    versions = ", ".join(f"{program} {version}" for program, version in found.items())
    platforms.tell(platforms.row(f"a member of such a domain on {release}", {"": versions}))
