# SPDX-License-Identifier: Apache-2.0
"""docs/receipts.md, typed line by line on a booted host. Law: its authenticator is a library, its directory a program that prints
the keys in people's homes, and its rule the only one there.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import ssh_keys
from tests.booted.conftest import Service
from tests.typed_page import TREE, Page, sections

PAGE = sections((TREE / "docs/receipts.md").read_text("utf-8"))
AUTHENTICATOR = Path("/usr/local/lib/sk-dummy.so")  # where an agent takes one from (ssh-agent(1), -P)
SIGNERS, RULES = Path("/etc/jitd/allowed_signers"), Path("/etc/jitd/policy.d")
DIRECTORY, SCRIPT = Path("/usr/bin/sss_ssh_authorizedkeys"), Path("/usr/local/sbin/approvers-keys")
SEEN = Path("/etc/jitd/keys-seen")
PROFILE = Path("/etc/profile.d/authenticator.sh")


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    shutil.copy(ssh_keys.AUTHENTICATOR, AUTHENTICATOR)
    PROFILE.write_text(f"export SSH_SK_PROVIDER={AUTHENTICATOR} SSH_ASKPASS=/bin/true SSH_ASKPASS_REQUIRE=force\n")
    Path("/home/bob/.ssh").mkdir(mode=0o700)
    shutil.chown("/home/bob/.ssh", "bob", "bob")
    DIRECTORY.write_text("#!/bin/sh\n[ ! -e /home/$1/.ssh ] || cat /home/$1/.ssh/*.pub\n")
    DIRECTORY.chmod(0o755)
    service = Service("# The rule of the page is the only one.\n")
    service.start()
    played = Page()
    yield played
    played.leave()
    service.close()
    (RULES / "signed.toml").unlink()
    shutil.rmtree("/home/bob/.ssh")
    for path in (AUTHENTICATOR, PROFILE, SIGNERS, SEEN, DIRECTORY, SCRIPT):
        path.unlink()


@pytest.mark.parametrize("chapter", PAGE)
def test_what_the_page_shows_is_what_comes(page: Page, chapter: str) -> None:
    page.play(PAGE[chapter])
