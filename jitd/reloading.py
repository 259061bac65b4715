# SPDX-License-Identifier: Apache-2.0
"""Keeps the policy that is in force, and replaces it. Law: a policy with faults never replaces a good policy."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from jitd.core.policy import Policy
from jitd.core.policy_text import PolicyText
from jitd.settings import policyfile
from jitd.settings.config import Config

if TYPE_CHECKING:
    from jitd.workers import Workers


class PolicyInForce:
    """Keeps the policy that is in force, that is, the policy with which decisions are made."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._reading = asyncio.Lock()
        self.policy = self._read()

    def _read(self) -> Policy:
        config = self._config
        return policyfile.load(
            config.policy,
            root=config.root,
            names=config.names,
            gatekeepers=config.deadlines,
            channels=config.notify.channels,
            things=config.things,
            naming=config.naming,
            notify=config.notify.default,
        )

    async def reload(self, workers: Workers) -> Policy:
        """Read the policy again in a worker, and put it in force. Raises ConfigError or TimeoutError. After an exception, the old
        policy is still in force.
        """
        async with self._reading:  # only one at a time, so that the policy that was read last is in force at the end
            self.policy = await workers.kept.run(0, self._read)
            return self.policy

    def read_again(self, text: PolicyText) -> Policy | None:
        """Return the policy that was in force with the files ``text``. Return None if this version does not read it without
        faults. The setting ``root`` is that of today.
        """
        rules, faults = policyfile.read_again(text, self._config.names, self._config.naming)
        return None if faults else Policy(tuple(rules), self._config.root, text.digest, text)
