# SPDX-License-Identifier: Apache-2.0
"""test_every_kind.py for the kinds that hand a secret to their holder."""

from __future__ import annotations

from tests.givers.test_every_kind import *  # noqa: F403
from tests.givers.worlds import WITH_SECRET

KINDS = WITH_SECRET
