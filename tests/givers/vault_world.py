# SPDX-License-Identifier: Apache-2.0
"""Leases of a server of our own (tests/outside/vault.py) as a row of the suite over all kinds (worlds.py).

Law: the server is asked, not the product.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.outside.vault import OURS, Vault, vault

KEYS = Path("/etc/jitd/outside")


class VaultWorld:
    """A server with a lease of an administrator's, which is there before and after."""

    thing = "vault:app"
    people = ("alice", "bob")

    def __init__(self) -> None:
        self._files: list[Path] = []
        self._ends = ExitStack()

    def prepare(self) -> None:
        place = Path(tempfile.mkdtemp(prefix="vault-", dir="/srv"))
        place.chmod(0o755)
        self._ends.callback(shutil.rmtree, place)
        self.at: Vault = self._ends.enter_context(vault(place))
        self.at.keep("database/creds/reporting/the-admins-own")
        if not KEYS.exists():
            KEYS.mkdir(mode=0o700)
            self._ends.callback(KEYS.rmdir)
        token = KEYS / "vault.token"
        token.write_text(f"{OURS}\n")
        token.chmod(0o600)
        self._files.append(token)
        self.config = (
            f'[givers.app]\nkind = "vault"\nurl = "{self.at.url}"\nrole = "database/creds/reporting"\n'
            f'secret = "{token}"\nca = "{self.at.ca}"\naddresses = ["127.0.0.0/8"]\n'
        )

    def clear(self) -> None:
        for file in self._files:
            file.unlink(missing_ok=True)
        self._ends.close()

    def works(self, account: str) -> bool:
        return bool(self.at.live(account))

    def needs(self, account: str) -> tuple[str, ...]:
        return ()

    def to_keep(self, account: str) -> tuple[str, ...]:
        """The secret goes into a file."""
        self._files.append(Path(f"/home/{account}/app-{len(self._files)}"))
        return "--to", str(self._files[-1])

    def snapshot(self) -> object:
        return self.at.snapshot()

    def break_target(self) -> None:
        """The server is sealed."""
        self.at.fault = (503, "Vault is sealed")

    def mend_target(self) -> None:
        self.at.fault = None

    def remove_by_hand(self) -> None:
        self.at.revoke_by_hand("alice")
