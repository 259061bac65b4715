# SPDX-License-Identifier: Apache-2.0
"""What is needed to take a thing back: its giver's own table, whatever else is wrong in jitd.toml."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jitd.core.toml_document import ConfigError
from jitd_things.givers.own_table import cut_out
from jitd_things.givers.sudoers import Sudoers
from jitd_things.settings import load_givers, load_own

OWN = '[givers.wheel]\nkind = "sudoers"\nlines = ["ALL=ALL"]  # [of] admins\n'
OTHER = '[givers.logs]\nkind = "sudoers"\nlines = [\n  "ALL=(root) /usr/bin/id",\n]\n'


def written(tmp_path: Path, content: str | bytes) -> Path:
    file = tmp_path / "jitd.toml"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    file.chmod(0o644)
    return file


@pytest.mark.parametrize(
    "content",
    [
        OWN + '[givers.logs]\nkind = "sudoers"\n',
        '[givers.logs]\nkind = "nothing"\n' + OWN,
        '[givers."a b"]\n' + OWN,
        "[givers]\nlogs = 3\n" + OWN,
        "host = \n" + OWN,
        OWN + "[limits\nopen = 3\n",
        '[givers.logs]\nlines = [ "a"\n' + OWN + OTHER,
        OTHER + OTHER + OWN,
        OTHER.replace('id"', "id") + OWN.replace("[givers.wheel]", ' [ givers . "wheel" ] # of admins'),
        b"# caf\xe9\n" + OWN.encode(),
        OWN + '[notify.x]\nsubject = """\n',
        OWN.replace("\n", "\r\n") + "[what is this\r\n",
    ],
)
def test_a_fault_elsewhere_does_not_hide_the_own_table_and_permits_nothing(tmp_path: Path, content: str | bytes) -> None:
    file = written(tmp_path, content)
    assert load_own(file, "wheel", os.getuid()) == {"wheel": Sudoers("wheel", lines=("ALL=ALL",))}
    with pytest.raises(ConfigError):
        load_givers(file, os.getuid())


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('[givers.logs]\nkind = "sudoers"\n[givers.wheel]\nkind = "sudoers"\n', 3),
        ("what\n[givers.wheel]\n\nlines = 3\n", 2),
        ('what\n[givers.wheel]\nkind = "sudoers"\n\nlines = \n', 5),
        ('what\n[givers.wheel]\nkind = "sudoers"\nlines = "\xe9"\n'.encode("latin-1"), 4),
    ],
)
def test_a_fault_in_the_own_table_is_said_with_its_line(tmp_path: Path, content: str | bytes, line: int) -> None:
    with pytest.raises(ConfigError) as found:
        load_own(written(tmp_path, content), "wheel", os.getuid())
    assert found.value.faults[0].line == line


@pytest.mark.parametrize(
    "content",
    [
        "what\n" + OWN + OWN,  # which of the two?
        "what\n" + OWN + '[givers . "wheel"]\n',
        'say = """\n' + OWN,  # is it in the string?
        "say = '''\n" + OWN + "'''\n[what\n",
        "what\n" + OTHER,
        "what\n[[givers.wheel]]\nkind = 'sudoers'\n",
        "what\n[givers.wheel.more]\nkind = 'sudoers'\n",
        "what\n[givers]\nwheel = { kind = 'sudoers', lines = ['ALL=ALL'] }\n",
    ],
)
def test_a_table_whose_ends_are_not_certain_is_not_guessed(tmp_path: Path, content: str) -> None:
    file = written(tmp_path, content)
    assert cut_out(content.encode(), "givers", "wheel") is None
    with pytest.raises(ConfigError):
        load_own(file, "wheel", os.getuid())


def test_a_file_that_others_may_write_is_not_read_at_all(tmp_path: Path) -> None:
    """THREATS Q-10."""
    file = written(tmp_path, "what\n" + OWN)
    file.chmod(0o666)
    with pytest.raises(ConfigError, match="may be written by"):
        load_own(file, "wheel", os.getuid())


def test_a_table_that_is_not_there_is_no_giver(tmp_path: Path) -> None:
    assert load_own(written(tmp_path, OTHER), "wheel", os.getuid()) == {}
    assert load_own(tmp_path / "missing", "wheel", os.getuid()) == {}
