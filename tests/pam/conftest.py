# SPDX-License-Identifier: Apache-2.0
"""What the files of tests share that play the real programs. Law: each file has a daemon of its own, whose record holds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.pam.programs import Gated


@pytest.fixture(scope="module")
def gated() -> Iterator[Gated]:
    """A host behind the stacks that we ship, and its daemon."""
    made = Gated()
    try:
        made.start()
        yield made
        made.verify()
    finally:
        made.close()
