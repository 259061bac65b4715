# SPDX-License-Identifier: Apache-2.0
"""``jitd check`` of rules that take a local password: the real libkrb5 reads a krb5.conf of the test's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from jitd.core.keys.hosts import read_host
from jitd.kdc.named import fault_of, kdcs_of
from jitd.settings.config import Config
from jitd_inspection.checking.warnings import warnings
from tests.daemon.test_check_rules import permit

TAKES = replace(permit("outage"), without_kdc="local")
CONFIG = Config(frozenset({"R"}), "h.example.org")


def written(path: Path, monkeypatch: pytest.MonkeyPatch, relations: str) -> None:
    """Have libkrb5 read a krb5.conf in which realm R has these relations."""
    file = path / "krb5.conf"
    file.write_text(f"[libdefaults]\n  default_realm = R\n[realms]\n  R = {{\n{relations}\n  }}\n")
    monkeypatch.setenv("KRB5_CONFIG", str(file))


@pytest.mark.parametrize("relations", ["  admin_server = a.example.org", "  kdc = https://proxy.example.org/KdcProxy\n  kdc = a"])
def test_a_host_on_which_no_local_password_ever_counts_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, relations: str
) -> None:
    written(tmp_path, monkeypatch, relations)
    (found,) = [one for one in warnings([TAKES, permit("p")], CONFIG, {}) if one.name == "no-kdc-named"]
    assert found.rule == "outage" and "a local password never counts here" in found.sentence
    elsewhere = replace(TAKES, hosts=(read_host("web*"),))
    assert not [one for one in warnings([elsewhere, permit("p")], CONFIG, {}) if one.name == "no-kdc-named"]


@pytest.mark.parametrize(
    "relations", ["  kdc = a.example.org", "  kdc = tcp/[::1]:88\n  master_kdc = b", "  primary_kdc = udp/c"]
)
def test_a_kdc_that_can_be_asked_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, relations: str) -> None:
    written(tmp_path, monkeypatch, relations)
    assert not [one for one in warnings([TAKES], CONFIG, {}) if one.name == "no-kdc-named"]
    assert kdcs_of("R") and kdcs_of("S") == []


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRB5_CONFIG", str(tmp_path / "krb5.conf"))
    (tmp_path / "krb5.conf").write_text("[realms\n")
    assert "never counts" in fault_of("R")
