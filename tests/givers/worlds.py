# SPDX-License-Identifier: Apache-2.0
"""The kinds of things as tests see them: how each is set up, whether somebody can use it now, and what the host looks like.

To add a kind: a class that keeps World, and a row of WORLDS. Every test of test_every_kind.py is then played for it.
Law: a world looks at the host by the host's own tools, and not by the product.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Protocol

from tests.givers.account_world import AccountWorld
from tests.givers.postgres_world import PostgresWorld
from tests.givers.ssh_world import SshWorld
from tests.givers.vault_world import VaultWorld
from tests.waiting import wait_for

READ_ONLY = 0x1 | 0x20 | 0x1000
"""MS_RDONLY, MS_REMOUNT and MS_BIND (mount(2))."""


class World(Protocol):
    """One kind of thing on the lab's host. ``thing`` is its name. ``config`` is its table in jitd.toml. ``people`` get it: many
    tests need only the first. Worlds are played at the same time, so one world does nothing to what the people of another run.
    """

    thing: str
    config: str
    people: tuple[str, str]

    def prepare(self) -> None:
        """Bring the host into the state before anything is given."""

    def clear(self) -> None:
        """Bring the host into the state before ``prepare``, without what a test may have left."""

    def works(self, account: str) -> bool:
        """True if ``account`` can use the thing now."""

    def snapshot(self) -> object:
        """Everything of the host that the kind may change. Equal before and after, if nothing is left."""

    def break_target(self) -> None:
        """What the thing is given in cannot be changed from now on."""

    def mend_target(self) -> None:
        """It can be changed again."""

    def remove_by_hand(self) -> None:
        """Somebody takes the thing away who is not jitd."""

    def needs(self, account: str) -> tuple[str, ...]:
        """The options without which ``account`` does not get the thing. Empty for most."""

    def to_keep(self, account: str) -> tuple[str, ...]:
        """The options by which ``account`` keeps the thing without a command."""


class SudoersWorld:
    """Lines of sudoers on the lab's host."""

    thing = "sudoers:logs"
    config = '[givers.logs]\nkind = "sudoers"\nlines = ["ALL=(root) NOPASSWD: /usr/bin/id"]\n'
    people = ("alice", "bob")
    directory = Path("/etc/sudoers.d")

    def prepare(self) -> None:
        (self.directory / "admins-own").write_text("alice ALL=(root) NOPASSWD: /usr/bin/true\n")

    def clear(self) -> None:
        self.remove_by_hand()
        (self.directory / "admins-own").unlink()

    def works(self, account: str) -> bool:
        done = subprocess.run(["sudo", "-n", "-l", "-U", account, "/usr/bin/id"], capture_output=True, check=False)
        return done.returncode == 0

    def needs(self, account: str) -> tuple[str, ...]:
        return ()

    def to_keep(self, account: str) -> tuple[str, ...]:
        return ()

    def snapshot(self) -> object:
        return {file.name: (file.read_bytes(), file.stat().st_mode) for file in self.directory.iterdir()}

    def break_target(self) -> None:
        subprocess.run(["mount", "--bind", self.directory, self.directory], check=True)
        place, mount = os.fsencode(self.directory), ctypes.CDLL(None).mount
        # a file that jitd-givers has opened in between keeps it writable until it is closed
        wait_for(
            lambda: mount(None, place, None, ctypes.c_ulong(READ_ONLY), None) == 0, what="a directory that cannot be changed"
        )

    def mend_target(self) -> None:
        subprocess.run(["umount", "--lazy", self.directory], check=True)

    def remove_by_hand(self) -> None:
        for file in self.directory.glob("jitd_*"):
            file.unlink(missing_ok=True)


DOOR = """\
#!/usr/bin/python3 -IS
import json, os, sys
asked = json.load(sys.stdin)
if os.path.exists("{place}/broken"):
    print(json.dumps({{"said": "failed", "because": "the door does not answer"}}))
    raise SystemExit
file = "{place}/open/" + asked["account"] + " " + asked["holding"]
match asked["do"]:
    case "give":
        open(file, "w").close()
        print(json.dumps({{"said": "given", "tell": "the door is open"}}))
    case "take":
        if os.path.exists(file):
            os.unlink(file)
        print(json.dumps({{"said": "taken"}}))
    case "look":
        is_there = os.path.exists(file)
        print(json.dumps({{"said": "stands" if is_there else "gone", "because": "" if is_there else "somebody closed it"}}))
"""


class ProgramWorld:
    """A door that an administrator's program opens and closes. Its state is a directory of jitd-programs' own."""

    thing = "program:door"
    people = ("alice", "bob")
    place = Path("/var/tmp/door")
    program = Path("/usr/local/sbin/door")

    def __init__(self) -> None:
        words = {deed: json.dumps([str(self.program), deed]) for deed in ("give", "take", "look")}
        self.config = '[givers.door]\nkind = "program"\n' + "".join(f"{deed} = {line}\n" for deed, line in words.items())

    def prepare(self) -> None:
        opened = self.place / "open"
        opened.mkdir(parents=True, exist_ok=True)
        self.program.write_text(DOOR.format(place=self.place))
        self.program.chmod(0o755)
        for place in (self.place, opened):
            place.chmod(0o755)
        subprocess.run(["chown", "-R", "jitd-programs", opened], check=True)
        (opened / "the admin's own").touch()

    def clear(self) -> None:
        shutil.rmtree(self.place)
        self.program.unlink()

    def works(self, account: str) -> bool:
        return any(name.startswith(f"{account} ") for name in os.listdir(self.place / "open"))

    def needs(self, account: str) -> tuple[str, ...]:
        return ()

    def to_keep(self, account: str) -> tuple[str, ...]:
        return ()

    def snapshot(self) -> object:
        return sorted(os.listdir(self.place / "open"))

    def break_target(self) -> None:
        (self.place / "broken").touch()

    def mend_target(self) -> None:
        (self.place / "broken").unlink(missing_ok=True)

    def remove_by_hand(self) -> None:
        for file in (self.place / "open").glob("alice *"):
            file.unlink(missing_ok=True)


WORLDS: dict[str, type[World]] = {
    "account": AccountWorld,
    "postgres-role": PostgresWorld,
    "sudoers": SudoersWorld,
    "program": ProgramWorld,
    "ssh-certificate": SshWorld,
    "vault": VaultWorld,
}
"""Kind → its world."""

WITH_SECRET = ("postgres-role", "ssh-certificate", "vault")
"""The kinds that hand a secret to their holder."""
