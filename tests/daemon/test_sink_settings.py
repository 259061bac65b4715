# SPDX-License-Identifier: Apache-2.0
"""``[sinks.*]`` of jitd.toml: what is taken, and each fault with its sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jitd.core.toml_document import ConfigError
from jitd.settings.config import load
from jitd_outsiders.outside import deliveries
from jitd_outsiders.outside.syslog_sink import FACILITIES
from jitd_sinks.settings import Denials, SinkSection, SinkSettings

ME = os.getuid()
FILE = 'kind = "file"\nfile = "record.jsonl"\n'
HTTPS = 'kind = "https"\nurl = "https://siem.example.org/services/collector"\n'
SYSLOG = 'kind = "syslog"\n'
TLS = f'{SYSLOG}transport = "tls"\nserver = "logs.example.org:6514"\n'


def read(place: Path, text: str, name: str = "siem") -> SinkSettings:
    place.chmod(0o755)
    file = place / "jitd.toml"
    file.write_text(f'realms = ["EXAMPLE.ORG"]\nhost = "db1.example.org"\n[sinks.{name}]\n{text}')
    file.chmod(0o644)
    return load(file, owner=ME, keys_at=place).of(SinkSection).sinks[name]


def faults(place: Path, text: str, name: str = "siem") -> list[str]:
    with pytest.raises(ConfigError) as refused:
        read(place, text, name)
    return [fault.sentence for fault in refused.value.faults]


def test_each_kind_is_read_with_careful_defaults(tmp_path: Path) -> None:
    file = read(tmp_path, FILE)
    assert file == SinkSettings("siem", deliveries.Lines("record.jsonl", 64 * 1024**2, 8), shows="command")
    assert not file.is_narrowed
    assert not file.from_start
    assert read(tmp_path, SYSLOG) == SinkSettings("siem", deliveries.Syslog("unix", path="/dev/log"))
    tls = read(tmp_path, TLS + 'facility = "local3"\naddresses = ["10.1.2.0/24"]')
    assert tls.to == deliveries.Syslog("tls", "logs.example.org", 6514, facility="local3", addresses=("10.1.2.0/24",))
    assert tls.shows == "rule"
    https = read(tmp_path, HTTPS)
    assert isinstance(https.to, deliveries.Https)
    assert (https.to.template, https.to.scheme, https.shows, https.to.addresses) == ("lines", "Bearer", "rule", ())


def test_classes_are_words_and_counts_of_denials(tmp_path: Path) -> None:
    made = read(tmp_path, FILE + 'classes = ["lock", "break-glass", { denials = 5, within = "10m" }]')
    assert (made.classes, made.denials) == (frozenset({"lock", "break-glass"}), (Denials(5, 600),))
    assert made.is_narrowed


def test_the_secrets_of_sinks_go_to_jitd_outside_by_name_alone(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t0k3n")
    (tmp_path / "token").chmod(0o600)
    made = read(tmp_path, HTTPS + f'secret = "{tmp_path}/token"\nscheme = "Splunk"\ntemplate = "splunk"')
    assert made.key_files == (tmp_path / "token",)
    to = made.to
    assert isinstance(to, deliveries.Https)
    assert (to.secret, to.scheme, to.template) == ("token", "Splunk", "splunk")
    assert "t0k3n" not in repr(to) and "siem.example.org" not in repr(made)


def test_the_words_of_the_settings_are_those_of_jitd_outside() -> None:
    assert set(FACILITIES) <= set(deliveries.FACILITIES)


FAULTS = {
    "no kind": ('file = "a"', 'needs "kind"'),
    "a kind that there is not": ('kind = "kafka"', '"kind" must be "syslog" or "file" or "https", not "kafka"'),
    "a key of another kind": (FILE + 'server = "logs:514"', '"server"'),
    "a path in the place of a name": ('kind = "file"\nfile = "../../etc/passwd"', "must be the name of a file"),
    "a class that there is not": (FILE + 'classes = ["everything"]', '"classes" has "everything"'),
    "no class": (FILE + "classes = []", '"classes" must be a list of classes'),
    "one denial": (FILE + 'classes = [{ denials = 1, within = "10m" }]', '"classes" has'),
    "denials without a time": (FILE + "classes = [{ denials = 5 }]", '"classes" has'),
    "a place that there is not": (FILE + 'from = "yesterday"', '"from" must be "head" or "start", not "yesterday"'),
    "a server without a port": (f'{SYSLOG}transport = "tls"\nserver = "logs.example.org"', 'must be a host and its port'),
    "an address of IPv4 in brackets": (
        f'{SYSLOG}transport = "tls"\nserver = "[::ffff:192.0.2.1]:6514"', "must be a host and its port"
    ),
    "networks without end": (
        f'{SYSLOG}transport = "tls"\nserver = "a:1"\naddresses = {65 * ["10.0.0.0/8"]}', '"addresses" has more than 64 networks'
    ),
    "no server": (f'{SYSLOG}transport = "tls"', 'needs "server"'),
    "TCP to anywhere": (f'{SYSLOG}transport = "tcp"\nserver = "logs.example.org:601"', "is not encrypted"),
    "a certificate without TLS": (f'{SYSLOG}transport = "tcp"\nserver = "a:1"\nca = "/x"', '"ca" is for'),
    "a server for a socket": (f'{SYSLOG}server = "logs.example.org:514"', '"server" is not for transport = "unix"'),
    "a socket that is no path": (f'{SYSLOG}socket = "dev/log"', '"socket" must be the absolute path'),
    "http": ('kind = "https"\nurl = "http://siem.example.org/"', '"url" must begin with https://'),
    "a message that is too long for anybody": (f"{SYSLOG}longest = 100000", '"longest" must be a whole number'),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_what_cannot_be_meant_is_a_fault(tmp_path: Path, name: str) -> None:
    text, sentence = FAULTS[name]
    assert any(sentence in fault for fault in faults(tmp_path, text)), faults(tmp_path, text)


def test_a_name_is_plain_and_a_file_belongs_to_one_sink(tmp_path: Path) -> None:
    assert any("is not a name for a sink" in fault for fault in faults(tmp_path, FILE, name="SIEM"))
    both = FILE + f"[sinks.other]\n{FILE}"
    assert any("is the file of the sink siem already" in fault for fault in faults(tmp_path, both))
