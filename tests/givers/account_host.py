# SPDX-License-Identifier: Apache-2.0
"""Accounts of the lab's host that the kind ``account`` makes in the test's own process, and alice, for whom they are made."""

from __future__ import annotations

import pwd
import subprocess
import time
from pathlib import Path

from jitd_things.givers.account import Account, Accounts
from jitd_things.givers.kind import Given, Order, Taken
from tests.givers.account_world import of_host
from tests.waiting import wait_for

HOLDING, NEXT = "WNC0-D702", "WNC0-D702.2"
NAME, NEXT_NAME = "jit-wnc0d702", "jit-wnc0d702-2"


class World:
    """The lab's host, a place for notes, and alice, who holds what is given."""

    def __init__(self, root: Path) -> None:
        self.notes = root / "accounts"
        self.settings = Account("contractor", uids=(70000, 70099), search=("/srv",))
        self.holder = pwd.getpwnam("alice")
        self.until = int(time.time()) + 3600
        self.before = of_host()
        self.begun: list[subprocess.Popen[bytes]] = []

    @property
    def kind(self) -> Accounts:
        return Accounts(self.settings, notes=self.notes)

    def order(self, holding: str = HOLDING, brought: str = "") -> Order:
        return Order(holding, "contractor", "alice", self.holder.pw_uid, self.until, brought)

    def give(self, holding: str = HOLDING, brought: str = "") -> pwd.struct_passwd:
        assert isinstance(given := self.kind.give(self.order(holding, brought)), Given), given
        return pwd.getpwnam(NAME if holding == HOLDING else NEXT_NAME)

    def take(self, holding: str = HOLDING) -> Taken:
        assert isinstance(taken := self.kind.take(self.order(holding)), Taken), taken
        return taken

    def run(self, *words: str, account: str = NAME, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command line as the account, as a new session has it."""
        line = ["setpriv", f"--reuid={account}", f"--regid={account}", "--init-groups", "--", *words]
        return subprocess.run(line, check=check, capture_output=True, text=True, cwd="/")

    def begin(self, *words: str) -> None:
        """Begin ``words`` as the account. When this returns, the account runs them, or has ended them."""
        line = ["setpriv", f"--reuid={NAME}", f"--regid={NAME}", "--init-groups", "--", *words]
        self.begun.append(subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/"))
        begun = self.begun[-1]
        comm = Path(f"/proc/{begun.pid}/comm")
        wait_for(lambda: begun.poll() is not None or comm.read_text() != "setpriv\n", what=f"{words[0]} of the account")

    def is_as_before(self) -> bool:
        return of_host() == self.before

    def close(self) -> None:
        for process in self.begun:
            process.kill()
            process.wait()
        for name in {NAME, NEXT_NAME, *(one.pw_name for one in pwd.getpwall() if one.pw_name.startswith("jit-"))}:
            left = [f"/home/{name}", f"/run/jitd-accounts/{name}"]
            for words in (["pkill", "-9", "-u", name], ["userdel", "-f", name], ["groupdel", name], ["rm", "-rf", *left]):
                subprocess.run(words, check=False, capture_output=True)
