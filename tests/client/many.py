# SPDX-License-Identifier: Apache-2.0
"""The jitds of many hosts, made of scripts, and the file in which they stand. Law: no socket, no KDC, no clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd.cli import far
from jitd_fleet import hosts
from jitpam import carrier
from jitpam.carrier import Carrier
from jitpam.wire.messages import Welcome
from tests.client.script import Row, Script

ID, OTHER = "K7QM-2XVD", "WNC0-D702"
PROD = """
[prod]
hosts = ["db[1-3].example.org", "web2.example.org"]
via = "ssh -T jitd-door@{host}"
"""


class Fleet:
    """The jitds of many hosts. ``by_host`` has what each of them answers, or why it cannot be reached."""

    def __init__(self) -> None:
        self.by_host: dict[str, Script | Exception] = {}
        self.called: list[tuple[str, str, str]] = []
        self.kept: set[int] = set()

    def connect(self, host: str, by: Carrier, news: object = None, *, realm: str = "", **more: object) -> Script:
        self.called.append((host, by.name, realm))
        self.kept.add(id(more.get("copies")))
        answers = self.by_host.get(host) or Script()
        if isinstance(answers, Exception):
            raise answers
        answers.welcome = Welcome(principal="bob@EXAMPLE.TEST", user="bob", host=host, until=None, operator=False)
        return answers

    def has(self, host: str, *rows: Row, said: str = "") -> Script:
        script = Script(*rows, said=said)
        self.by_host[f"{host}.example.org"] = script
        return script


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Fleet]:
    made = Fleet()
    monkeypatch.setattr(carrier, "connect", made.connect)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(hosts, "SYSTEM", str(tmp_path / "none.toml"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    write(tmp_path, PROD)
    yield made
    far.go(None, None, None)


def write(directory: Path, text: str) -> Path:
    file = directory / "jitd" / "hosts.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    file.chmod(0o600)
    return file
