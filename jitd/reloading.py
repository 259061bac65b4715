# SPDX-License-Identifier: Apache-2.0
"""Keeps the policy that is in force, and replaces it.

Law: a policy with faults never replaces a good policy. If the files have faults when the daemon starts, there is no earlier
policy to keep, so the policy in force permits nothing but root's own requests (``core.policy.no_policy``).
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jitd.core.party import OF_ROOT
from jitd.core.policy import Policy, no_policy
from jitd.core.policy_text import PolicyText
from jitd.core.toml_document import ConfigError
from jitd.settings import policyfile
from jitd.settings.config import Config

if TYPE_CHECKING:
    from jitd.workers import Workers


@dataclass(frozen=True, slots=True)
class Refused:
    """The last attempt to read the policy files: the time (seconds since 1970) at which it failed, and the faults."""

    at: float
    faults: tuple[str, ...]


class PolicyInForce:
    """Keeps the policy that is in force, that is, the policy with which decisions are made. ``read_at`` is the time since which
    it is in force, in seconds since 1970. ``refused`` is None unless the last attempt to read the files failed.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._reading = asyncio.Lock()
        self.read_at = time.time()
        self.refused: Refused | None = None
        try:
            self.policy = self._read()
        except Exception as fault:  # also a defect of jitd: else the daemon would be started again and again, and end again
            self.policy = no_policy(config.root, self._refuse(fault))

    @property
    def sentence(self) -> str:
        """Say which policy is in force, in the words of ``systemctl status``."""
        n = len(self.policy.rules)
        if self.policy.broken and self.refused is not None:
            return f"no policy is in force: {self.refused.faults[0]}; root mends it, then: jitd reload"
        return f"{n} rule{'' if n == 1 else 's'} in force"

    def _refuse(self, fault: Exception) -> str:
        """Note that the files could not be read because of ``fault``. Return the place of the first fault."""
        where = str(self._config.policy)
        if isinstance(fault, ConfigError):
            where, faults = fault.faults[0].place, tuple(map(str, fault.faults))
        elif isinstance(fault, TimeoutError):
            faults = (f"{where}: cannot be read in time",)
        else:
            faults = (f"{where}: cannot be read: {type(fault).__name__}: {fault}",)
        self.refused = Refused(time.time(), faults)
        return where

    def _read(self) -> Policy:
        return policyfile.load_with(self._config)

    async def reload(self, workers: Workers) -> Policy:
        """Read the policy again in a worker, and put it in force. Whatever is raised, also by a defect of jitd: the old policy is
        still in force, and ``refused`` says why. If none was in force, people are told the place of the newest fault.
        """
        async with self._reading:  # only one at a time, so that the policy that was read last is in force at the end
            try:
                self.policy = await workers.kept.run(OF_ROOT, self._read)
            except Exception as fault:
                where = self._refuse(fault)
                if self.policy.broken:
                    self.policy = no_policy(self._config.root, where)
                raise
            self.read_at, self.refused = time.time(), None
            return self.policy

    def read_again(self, text: PolicyText) -> Policy | None:
        """Return the policy that was in force with the files ``text``. Return None if this version does not read it without
        faults. The setting ``root`` is that of today.
        """
        rules, faults = policyfile.read_again(text, self._config.names, self._config.naming)
        return None if faults else Policy(tuple(rules), self._config.root, text.digest, text)
