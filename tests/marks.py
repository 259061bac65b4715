# SPDX-License-Identifier: Apache-2.0
"""Three marks of tests: what promises a time, what is too long for every day, and what one executor alone does.

Law: ``timed`` is for what the product promises in seconds and cannot be shown otherwise; such a test runs when all
others have ended, and proves no attack of docs/threats.md stopped. ``full`` is for what ``make test-full`` runs and ``make test``
does not; each is listed in docs/testing.md.
"""

from __future__ import annotations

import pytest

direct = pytest.mark.direct
"""Only the executor that needs no systemd does this, or no executor at all: not played where one is process 1."""


def timed(reason: str) -> pytest.MarkDecorator:
    """The test compares a time with a bound; ``reason`` says which promise that is."""
    return pytest.mark.timed(reason)


def full(reason: str) -> pytest.MarkDecorator:
    """Left to ``make test-full``; ``reason`` says why nothing is lost every day."""
    return pytest.mark.full(reason)
