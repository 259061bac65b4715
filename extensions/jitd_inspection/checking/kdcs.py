# SPDX-License-Identifier: Apache-2.0
"""Warnings about rules that accept a local password, although this host can never accept a local password.

Law: the check reads only krb5.conf, and queries no KDC.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jitd.core.policy import Rule
from jitd.core.warning import Warned
from jitd.kdc.named import fault_of
from jitd.settings.config import Config
from jitd.settings.host import own_realm


def about_kdcs(rules: Sequence[Rule], config: Config) -> Iterator[Warned]:
    """If this host can never accept a local password, yield a warning for each rule that accepts local passwords."""
    takers = [rule for rule in rules if rule.without_kdc == "local"]
    if takers and (because := fault_of(own_realm(config.realms))):
        yield from (Warned("no-kdc-named", rule.file, rule.line, rule.name, because) for rule in takers)
