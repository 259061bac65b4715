# SPDX-License-Identifier: Apache-2.0
"""``jitd setup`` on a member of an Active Directory, beyond what the first hour types."""

from __future__ import annotations

from tests.ad.conftest import DOMAIN, KRB5, PASSWORD, REALM, SERVICE, Member, on, root

RULE = ("--requester", f"dba@{DOMAIN}", "--approver", f"ops@{DOMAIN}", "--tell", "nobody", "id")


def test_a_set_up_takes_no_key_of_the_host_away_and_a_second_one_changes_nothing(pristine_member: Member) -> None:
    """THREATS O-18: with these keys the host is a member of its domain."""
    pristine_member.write("/etc/krb5.conf", KRB5)
    root("member", "realm", "join", "--user=Administrator", DOMAIN, stdin=f"{PASSWORD}\n")
    before = keys()
    first = root("member", "jitd", "setup", "--yes", "--no-admin", *RULE)
    assert "Active Directory (/etc/sssd/sssd.conf: id_provider = ad)" in first
    assert before < keys() and all(SERVICE in key for key in keys() - before)
    settings, after = root("member", "cat", "/etc/jitd/jitd.toml"), keys()
    assert f'name = "{{name}}@{DOMAIN}"' in settings
    assert root("member", "jitd", "setup", *RULE).count("(already right)") == 4
    assert (root("member", "cat", "/etc/jitd/jitd.toml"), keys()) == (settings, after)
    root("member", "adcli", "testjoin")


def test_a_host_that_has_not_joined_is_told_so_and_nothing_is_changed(pristine_member: Member) -> None:
    pristine_member.write("/etc/krb5.conf", KRB5)
    rule = ("--requester", "group:root", "--approver", "group:root", "--tell", "nobody", "id")
    done = on("member", "jitd", "setup", "--yes", "--no-admin", *rule)
    assert done.returncode == 1 and f"has not joined the domain of {REALM}" in done.stderr, done.stdout + done.stderr
    assert root("member", "sh", "-c", "ls /etc/jitd/policy.d") == ""


def keys() -> set[str]:
    """Return the keys of the host: version, principal, and encryption type."""
    lines = root("member", "klist", "-k", "-e", "/etc/krb5.keytab").splitlines()
    return {" ".join(line.split()) for line in lines if "@" in line}
