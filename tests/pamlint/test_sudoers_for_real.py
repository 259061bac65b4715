# SPDX-License-Identifier: Apache-2.0
"""Our reader of sudoers beside sudo's own (cvtsudoers): the same settings of the same text.

Law: what sudo itself cannot read is not compared; every other text is.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from random import Random

import pytest

from jitd.hosts import sudoers
from jitd.hosts.stack import Source

pytestmark = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab has sudo")
OTHER = "/etc/sudoers.jitd-other"
BLANKS = ("", "", " ", "\t", " \\\n  ", " \\  \n")
FLAGS = ("env_reset", "!env_reset", "! pam_session", "!!pam_session", "!pam_acct_mgmt")
VALUES = ("x", "no\\\\", "a\\,b", "a\\#b", '"a, # b, !pam_session"', '"a \\\n  b"', '"q\\"x"', '"x\\\\"', "a\\ b", '""')
COMMENTS = ("", "", "", "# c", "#c \\", " # x, !pam_session \\", "#, \\\\", "#-", '# "')
BINDINGS = ("", "", ":alice", ":alice, bob", "@lab", ">bob", "!/bin/ls", ":%ops", ":#1001")
WHO = ("alice", "%ops", "#1001", "alice, !bob")
WHERE = ("ALL", "10.0.0.0/8", "lab")
TAGS = ("", "", "NOPASSWD: ", "CWD=/srv ", "CWD=* NOPASSWD: ", "CHROOT=/a CWD=/b SETENV: ", "CWD = /c ", "CWD \\\n = /d ")
COMMANDS = (
    "/bin/ls",
    "/usr/bin/make CWD=/e x",
    "/bin/ls a\\\\",
    "/bin/ls a\\, CWD\\=/q",
    "sudoedit /etc/x",
    "/bin/ls \\\n b",
    "ALL",
)
OTHERS = (
    "", "# remark \\", "#", "# \\\\", "#include", "  #include /nowhere", "#includes", "Cmnd_Alias LS = /bin/ls CWD=/f, /bin/cat",
    f"@include {OTHER}", f'@include"{OTHER}"', f"#include {OTHER}", f"#include\t{OTHER} # c", f"  @include {OTHER} # c \\",
)  # fmt: skip
Read = tuple[list[tuple[str, bool]], set[tuple[str, str]]]
"""Settings with whether they are negated, in order; and what rules say of where their commands run."""


def text_of(random: Random) -> str:
    """Some lines of sudoers."""

    def one() -> str:
        kind = random.randrange(10)
        if kind < 5:
            entries = [random.choice((*FLAGS, f"badpass_message={random.choice(VALUES)}")) for _ in range(random.randint(1, 3))]
            said = ",".join(random.choice(BLANKS) + entry for entry in entries)
            return f"Defaults{random.choice(BINDINGS)} {said}{random.choice(COMMENTS)}"
        if kind < 8:
            said = ", ".join(random.choice(TAGS) + random.choice(COMMANDS) for _ in range(random.randint(1, 3)))
            return f"{random.choice(WHO)} {random.choice(WHERE)}=(ALL) {said}{random.choice(COMMENTS)}"
        return random.choice(OTHERS)

    return "\n".join(one() for _ in range(random.randint(1, 6))) + random.choice(("", "\n"))


def theirs(path: Path) -> Read | None:
    """What sudo reads; None where it cannot."""
    done = subprocess.run(["cvtsudoers", "-f", "json", path], capture_output=True, text=True, check=False)
    if done.returncode or done.stderr:
        return None
    said = re.sub(r'^\s*("run(?:cwd|chroot)": ".*?")(,?)$', r"{\1}\2", done.stdout or "{}", flags=re.M)  # it forgets the braces
    found = json.loads(said)
    options = [option for each in found.get("Defaults", ()) for option in each["Options"]]
    tags = {
        (name, value)
        for user in found.get("User_Specs", ())
        for commands in user["Cmnd_Specs"]
        for option in commands.get("Options", ())
        for name, value in option.items()
        if name in sudoers.TAGS.values()
    }
    return [(name, value is False) for option in options for name, value in option.items() if name != "operation"], tags


def ours(path: Path) -> Read:
    read = sudoers.read(Source(str(path), path.read_bytes()), lambda word, name: [Source(name, Path(name).read_bytes())])
    assert not read.faults, path.read_text()
    tags = {(one.name, str(one.value)) for one in read.settings if one.tag}
    return [(one.name, one.is_negated) for one in read.settings if not one.tag], tags


def test_what_sudo_reads_we_read(tmp_path: Path) -> None:
    path, compared = tmp_path / "sudoers", 0
    Path(OTHER).write_text("Defaults env_editor\n")
    try:
        for seed in range(700):
            path.write_text(text_of(Random(seed)))
            wanted = theirs(path)
            if wanted is not None:
                compared += 1
                assert ours(path) == wanted, f"{seed}: {path.read_text()}"
    finally:
        Path(OTHER).unlink()
    assert compared > 400
