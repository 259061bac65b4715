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
from jitd.settings.host import KRB5_CONF, default_realm


def about_kdcs(rules: Sequence[Rule], config: Config) -> Iterator[Warned]:
    """If this host can never accept a local password, yield a warning for each rule that accepts local passwords."""
    takers = [rule for rule in rules if rule.without_kdc == "local"]
    realms = config.realms
    realm = min(realms) if len(realms) == 1 else default_realm(KRB5_CONF) or min(realms, default="")
    if takers and (because := fault_of(realm)):
        yield from (Warned("no-kdc-named", rule.file, rule.line, rule.name, because) for rule in takers)
