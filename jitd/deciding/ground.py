# SPDX-License-Identifier: Apache-2.0
"""What most parts of the daemon stand on. The daemon makes it first, and hands it to each room that builds itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jitd.core.effects import Moment
from jitd.core.policy import Policy
from jitd.core.policy_text import PolicyText
from jitd.reloading import PolicyInForce
from jitd.settings.config import Config
from jitd.store import Store
from jitd.workers import Workers

Note = Callable[[str, dict[str, Any]], None]  # writes a note of jitd itself into the record: the event and its detail


@dataclass(frozen=True, slots=True)
class Ground:
    """``opened`` opens a store that shows one moment, for any thread. ``realm`` is this host's, and ``version`` jitd's."""

    config: Config
    rules: PolicyInForce
    store: Store
    opened: Callable[[], Store]
    workers: Workers
    now: Callable[[], Moment]
    realm: str
    version: str

    @property
    def service(self) -> str:
        """The principal of jitd on this host."""
        return f"jitd/{self.config.host}@{self.realm}"

    def policy(self) -> Policy:
        return self.rules.policy

    def policy_text(self) -> PolicyText | None:
        return self.rules.policy.text

    def policy_digest(self) -> str:
        return self.rules.policy.digest
