# SPDX-License-Identifier: Apache-2.0
"""Which PAM services SSSD denies everybody in an Active Directory (sssd-ad(5)); tests/ad has the same of a real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from jitd_inspection.doctor import domains as module
from jitd_inspection.doctor import kerberos
from jitd_inspection.doctor.domains import Domain, asking, domains, mapping

JOINED = {"id_provider": "ad", "access_provider": "ad"}
"""What ``realm join`` writes."""


@pytest.mark.parametrize(
    ("options", "is_shut_out"),
    [
        ({}, True),
        ({"ad_gpo_map_interactive": "+jitd-account"}, False),
        ({"ad_gpo_map_permit": "+sudo-i, +jitd-account"}, False),
        ({"ad_gpo_map_interactive": "+jitd-accounts, jitd-account"}, True),
        ({"ad_gpo_map_interactive": "-jitd-account"}, True),
        ({"ad_gpo_map_deny": "+jitd-account"}, True),
        ({"ad_gpo_access_control": "permissive"}, False),
        ({"ad_gpo_access_control": "Enforcing"}, True),
        ({"ad_gpo_default_right": "permit"}, False),
        ({"access_provider": "simple"}, False),
    ],
)
def test_a_service_without_a_right_to_log_on_is_shut_out(options: dict[str, str], is_shut_out: bool) -> None:
    """THREATS K-27."""
    joined = Domain("example.org", JOINED | options)
    assert joined.shuts_out("jitd-account") is is_shut_out
    assert bool(mapping([joined], "jitd-account")) is is_shut_out


def test_the_lines_are_told_in_the_order_in_which_nobody_is_denied_meanwhile() -> None:
    """THREATS K-27."""
    settings = 'in /etc/jitd/jitd.toml, under [pam]: requester = "jitd-account"; then systemctl restart jitd.service'
    assert asking([Domain("example.org", JOINED)]) == (
        "to have jitd ask: first in /etc/sssd/sssd.conf, under [domain/example.org]: ad_gpo_map_interactive = +jitd-account; "
        f"then systemctl restart sssd; second, {settings}"
    )
    assert asking([Domain("example.org", {"id_provider": "ipa"})]) == (
        f"to have jitd ask: first let an HBAC rule allow the service jitd-account; second, {settings}"
    )
    assert asking([]) == f"to have jitd ask: {settings}"


def test_the_domains_are_those_of_all_files_of_sssd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SSSD", tmp_path)
    assert list(domains()) == []
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "sssd.conf").write_text("[sssd]\ndomains = a.test\n[domain/a.test]\nid_provider = ad\naccess_provider = ad\n")
    (tmp_path / "conf.d/jitd.conf").write_text("[domain/a.test]\nad_gpo_map_interactive = +jitd-account\n")
    (tmp_path / "conf.d/.hidden.conf").write_text("[domain/b.test]\n")
    (found,) = domains()
    assert (found.name, found.provider, found.realm, found.is_qualified) == ("a.test", "ad", "A.TEST", False)
    assert not found.shuts_out("jitd-account") and found.shuts_out("another")


def test_a_file_of_sssd_that_is_no_utf_8_or_no_such_file_hides_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SSSD", tmp_path)
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "sssd.conf").write_bytes(b"# caf\xe9\n[domain/a.test]\nid_provider = ad\n")
    (tmp_path / "conf.d/a.conf").write_bytes(b"no section\n")
    (tmp_path / "conf.d/b.conf").write_bytes(b"[domain/b.test]\nid_provider = ipa\n")
    assert [found.name for found in domains()] == ["a.test", "b.test"]


def test_a_host_whose_keytabs_are_lost_is_still_one_of_its_domain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SSSD", tmp_path)
    monkeypatch.setattr(kerberos, "HOSTS", tmp_path / "krb5.keytab")
    lost = tmp_path / "jitd.keytab"
    assert not kerberos.joins("A.TEST", lost)
    (tmp_path / "sssd.conf").write_text("[domain/a.test]\nid_provider = ad\n")
    assert kerberos.joins("A.TEST", lost) and not kerberos.joins("B.TEST", lost)
    (tmp_path / "sssd.conf").write_text("[domain/a.test]\nid_provider = ipa\n")
    assert not kerberos.joins("A.TEST", lost)
