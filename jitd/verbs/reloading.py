# SPDX-License-Identifier: Apache-2.0
"""The verb ``reload``: reads the policy again, and puts it in force.

Law: if the files have faults, the old policy stays in force, and this is recorded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from jitd import systemd
from jitd.core.party import OF_ROOT
from jitd.core.subject import Subject
from jitd.deciding.assembly import Deciding
from jitd.deciding.ground import Ground
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.lifecycle.perform import Perform
from jitd.lifecycle.readers import Readers
from jitd.verbs.refusal import Refusal

OTHER_RULES = "these are not the rules that were tried with their tables: somebody changed them meanwhile: jitd policy test"
NOTHING: Mapping[str, bool] = MappingProxyType({})
RESTART = "jitd.toml has changed since jitd was started, and counts as it was then: systemctl restart jitd"


class Reloading:
    """``unreachable`` returns a sentence for each helper that the settings need and that does not listen. ``is_other`` tells if
    jitd.toml no longer says what the daemon has read there at its start.
    """

    def __init__(
        self,
        ground: Ground,
        deciding: Deciding,
        lifecycle: Lifecycle,
        perform: Perform,
        readers: Readers,
        unreachable: Callable[[], list[str]],
        is_other: Callable[[], bool],
    ) -> None:
        self._rules = ground.rules
        self._workers = ground.workers
        self._deciding = deciding
        self._lifecycle = lifecycle
        self._perform = perform
        self._readers = readers
        self.unreachable = unreachable
        self._is_other = is_other

    async def reload_tested(self, who: Subject, digest: str | None) -> str:
        """Do what ``reload`` does. ``digest`` is that of the rules that ``who`` has tried with their tables, or None, if ``who``
        wanted them in force untried. What is read decides, and if it is something else than was tried, the answer says so.
        """
        told = await self.reload(who, {"untested": True} if digest is None else {})
        return told if digest in (None, self._rules.policy.digest) else f"{told}; {OTHER_RULES}"

    async def reload(self, who: Subject, noted: Mapping[str, bool] = NOTHING) -> str:
        """Put the policy, read again for ``who``, in force, with ``noted`` in the record. On Refusal, the old one stays."""
        stays = "no policy is in force yet" if self._rules.policy.broken else "the old policy stays"
        try:
            policy = await self._rules.reload(self._workers)
        except Exception:  # files with a fault, files that do not answer, or a defect of jitd: nobody may miss it after SIGHUP
            faults = () if self._rules.refused is None else self._rules.refused.faults
            self.refused(faults, who)
            systemd.tell(f"STATUS={self._rules.sentence}")
            raise Refusal("not_done", f"{stays}: {'; '.join(faults)}") from None
        self._deciding.forget()
        self._readers.loaded(time.time())
        self._lifecycle.note("policy.loaded", who.principal, who.uid, {"rules": len(policy.rules), **noted})
        systemd.tell(f"STATUS={self._rules.sentence}")
        self._perform.screen_due()
        rules = f"the policy is in force: {len(policy.rules)} rule{'' if len(policy.rules) == 1 else 's'}"
        is_other = await self._workers.kept.run(OF_ROOT, self._is_other)
        return "; ".join((rules, *([RESTART] if is_other else []), *self.unreachable()))

    def refused(self, faults: Sequence[str], who: Subject) -> None:
        """Record that ``who`` has let the policy be read, and that it has ``faults``."""
        self._readers.refused()
        self._lifecycle.note("policy.refused", who.principal, who.uid, {"faults": list(faults[:20])})
