# SPDX-License-Identifier: Apache-2.0
"""Builds the inspector that the kernel asks (``jitd.inspector``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jitd.audit.privileges import Standing
from jitd.core.policy import Policy, Rule
from jitd.core.warning import Warned
from jitd.inspector import Inspector
from jitd.settings.config import Config
from jitd.store.opening import file_of
from jitd_inspection.checking import things
from jitd_inspection.checking.warnings import warnings
from jitd_inspection.doctor.state import given_still
from jitd_inspection.standing.looking import look


@dataclass(frozen=True, slots=True)
class Inspection:
    """Asks the room that knows the answer."""

    def warnings(self, rules: Sequence[Rule], config: Config | None, providers: Mapping[str, str]) -> list[Warned]:
        return warnings(rules, config, providers)

    def about_given(self, config: Config) -> list[Warned]:
        return list(things.about_given(given_still(file_of(config.state)), config.things))

    def standing(self, config: Config, policy: Policy | None) -> Standing:
        return look(config, policy)


def inspector() -> Inspector:
    return Inspection()
