# SPDX-License-Identifier: Apache-2.0
"""Stores the texts of the policies that were in force, beside the chain whose records name them by their digests.

Law: a policy is stored in the transaction of the first record that names it, and stays as long as the chain. What is found has
the digest by which it was sought: a text that was changed in the database is not found.
"""

from __future__ import annotations

from jitd.core import policy_text
from jitd.core.policy_text import PolicyText
from jitd.store.link import Link


class Policies(Link):
    """The part of the store that keeps policies. The methods are described in ``Store``."""

    def policy_text(self, digest: str) -> PolicyText | None:
        document = self.policy_document(digest)
        try:
            found = None if document is None else policy_text.read(document)
        except ValueError:
            return None
        return found if found is not None and found.digest == digest else None

    def policy_document(self, digest: str) -> bytes | None:
        with self._told():
            row = self._db.execute("SELECT CAST(document AS BLOB) FROM policies WHERE digest = ?", (digest,)).fetchone()
        return None if row is None else row[0]

    def _keep_policy(self, policy: PolicyText) -> None:
        """Store ``policy``, if it is not there, inside the transaction of the caller."""
        self._db.execute("INSERT OR IGNORE INTO policies VALUES (?, ?)", (policy.digest, policy.document()))
