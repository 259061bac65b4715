# SPDX-License-Identifier: Apache-2.0
"""An sshd of the tests' own, which answers each login, whatever failed before."""

from __future__ import annotations

import subprocess
from pathlib import Path

_SSHD = "/usr/sbin/sshd"


def started(config: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start sshd with ``config``; what it says is added to ``log``. OpenSSH 9.8 and later refuse connections from an address for
    some time after logins have failed (PerSourcePenalties), and earlier ones do not know the word: so sshd is asked first.
    """
    Path("/run/sshd").mkdir(exist_ok=True)
    known = subprocess.run([_SSHD, "-T", "-f", config], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True).stdout
    if b"persourcepenalties" in known:
        config.write_text(f"PerSourcePenalties no\n{config.read_text()}")
    with log.open("ab") as to:
        return subprocess.Popen([_SSHD, "-D", "-e", "-f", config], stdin=subprocess.DEVNULL, stdout=to, stderr=to)
