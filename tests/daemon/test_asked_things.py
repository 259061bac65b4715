# SPDX-License-Identifier: Apache-2.0
"""What cannot be given as it is asked for is refused before anybody is asked to approve it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jitd.verbs.asked_things import lets_in
from jitd.verbs.refusal import Refusal
from jitd_things.givers.ssh_certificate import SshCertificate
from jitd_things.givers.sudoers import Sudoers
from jitd_things.givers.vault import Vault

GIVERS = {
    "ops": SshCertificate("ops", ca=Path("/etc/jitd/ca"), principals=("ops",)),
    "signed": Vault("signed", role="ssh/sign/ops"),
    "leased": Vault("leased", role="database/creds/ops"),
    "wheel": Sudoers("wheel", lines=("ALL=ALL",)),
}


def asked(thing: str, brought: str = "") -> Any:
    return SimpleNamespace(argv=(thing.encode(),), brought=brought)


@pytest.mark.parametrize("thing", ["ssh-certificate:ops", "vault:signed"])
def test_what_signs_a_key_needs_the_key(thing: str) -> None:
    with pytest.raises(Refusal, match="needs your public key: name the key's file by --key") as refused:
        lets_in(GIVERS, asked(thing))
    assert refused.value.code == "usage"
    assert lets_in(GIVERS, asked(thing, "ssh-ed25519 AAAA"))


@pytest.mark.parametrize("thing", ["vault:leased", "sudoers:wheel"])
def test_what_signs_nothing_needs_none(thing: str) -> None:
    assert lets_in(GIVERS, asked(thing))[0].startswith(f"{thing}: ")
