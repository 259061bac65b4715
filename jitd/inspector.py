# SPDX-License-Identifier: Apache-2.0
"""What judges a host and its rules, for ``jitd check`` and for reports.

Law: an inspector only reads, and may be absent. Then nothing is warned of, and the verb that asks says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from jitd.audit.privileges import Standing
    from jitd.core.policy import Policy, Rule
    from jitd.core.warning import Warned
    from jitd.settings.config import Config


class Inspector(Protocol):
    """Looks at this host. Each look has a time limit."""

    def warnings(self, rules: Sequence[Rule], config: Config | None, providers: Mapping[str, str]) -> list[Warned]:
        """Return the warnings about ``rules``, without those that a rule itself accepts. ``providers`` maps ``fact.NAME`` to the
        provider of this fact. If ``config`` is None, the settings are not known, and only rules are looked at.
        """

    def about_given(self, config: Config) -> list[Warned]:
        """Return a warning for each thing that is given, and that the settings do not know any more."""

    def standing(self, config: Config, policy: Policy | None) -> Standing:
        """List who can become root, or act as an account that rules name, without jitd. ``policy`` is None if it is broken."""
