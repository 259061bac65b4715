# SPDX-License-Identifier: Apache-2.0
"""The two answers that a question of the daemon may have instead of its own, whichever helper it is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from jitpam.wire.declared import sentence_of


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was changed, and asking again would not help. ``why`` is a sentence that says what is wrong, and what to do."""

    why: Annotated[str, sentence_of()]


@dataclass(frozen=True, slots=True)
class Failed:
    """It is not known whether the question was carried out, or there is no answer to it. The daemon may ask again. ``why`` is
    a sentence that says what is wrong, and what to do, without a full stop.
    """

    why: Annotated[str, sentence_of()]
