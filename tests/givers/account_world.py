# SPDX-License-Identifier: Apache-2.0
"""The kind account as tests see it: the host's own account files, its homes and spools."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import time
from pathlib import Path

FILES = ("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/subuid", "/etc/subgid")
SPOOLS = ("/home", "/var/mail", "/var/spool/cron/crontabs", "/run/jitd-accounts", "/dev/shm")
NOTES = Path("/var/lib/jitd-givers/accounts")
TOOLS = ("useradd", "usermod", "userdel", "groupadd", "groupdel")


def made_for(holder: str) -> list[pwd.struct_passwd]:
    """The accounts that jitd has made for ``holder`` and that have not expired, by their comments. One that is being made may not
    be in the second file yet.
    """
    expires = {}
    for line in Path("/etc/shadow").read_text().splitlines():
        fields = line.split(":")
        expires[fields[0]] = int(fields[7] or 2**31)
    today = time.time() / 86400
    made = [one for one in pwd.getpwall() if one.pw_gecos.startswith("jitd ") and one.pw_gecos.endswith(f" for {holder}")]
    return [one for one in made if expires.get(one.pw_name, 2**31) > today]


def of_host() -> dict[str, object]:
    """What of the host an account changes. A member of a group that is gone leaves no comma."""
    found: dict[str, object] = {file: Path(file).read_text() for file in FILES if os.path.exists(file)}
    found |= {place: sorted(os.listdir(place)) for place in SPOOLS if os.path.isdir(place)}
    return found | {
        "notes": sorted(name for name in os.listdir(NOTES) if name not in ("used-uids", ".lock")) if NOTES.is_dir() else []
    }


class AccountWorld:
    """Accounts of the lab's host."""

    thing = "account:contractor"
    people = ("alice", "bob")
    config = '[givers.contractor]\nkind = "account"\nuids = "70000-79999"\nsearch = ["/srv"]\n'

    def prepare(self) -> None:
        Path("/run/jitd-accounts").mkdir(mode=0o755, exist_ok=True)

    def clear(self) -> None:
        for one in pwd.getpwall():
            if one.pw_gecos.startswith("jitd "):
                subprocess.run(["userdel", "--force", "--remove", one.pw_name], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(NOTES, ignore_errors=True)

    def works(self, account: str) -> bool:
        return bool(made_for(account))

    def needs(self, account: str) -> tuple[str, ...]:
        return ()

    def to_keep(self, account: str) -> tuple[str, ...]:
        return ()

    def snapshot(self) -> object:
        return of_host()

    def break_target(self) -> None:
        """No tool for accounts can be executed."""
        for tool in TOOLS:
            subprocess.run(["mount", "--bind", "/dev/null", f"/usr/sbin/{tool}"], check=True)

    def mend_target(self) -> None:
        for tool in TOOLS:
            subprocess.run(["umount", "--lazy", f"/usr/sbin/{tool}"], check=True)

    def remove_by_hand(self) -> None:
        for one in made_for("alice"):
            subprocess.run(["userdel", one.pw_name], check=True, stderr=subprocess.DEVNULL)
