# SPDX-License-Identifier: Apache-2.0
"""Secrets that givers have made and that the holders have not fetched yet. Each secret is a sealed memfd.

Law: this module neither reads the content of a secret nor stores it on the disk. A secret is passed on only once. If nobody
fetches a secret, its memfd is closed when its holding ends.
"""

from __future__ import annotations

import os

from jitd.givers.secret import fault_in


class Secrets:
    """Maps the id of a holding to its secret, if nobody has fetched the secret yet. The secrets are only in memory."""

    def __init__(self) -> None:
        self._waiting: dict[str, int] = {}

    def keep(self, holding: str, descriptor: int) -> str:
        """Keep ``descriptor``. From now on, this object owns the descriptor. If the descriptor is not a valid secret, close
        the descriptor, and return a sentence that says why. Return an empty string if the descriptor is kept.
        """
        self.forget(holding)
        fault = fault_in(descriptor)
        if fault:
            os.close(descriptor)
        else:
            self._waiting[holding] = descriptor
        return fault

    def take(self, holding: str) -> int | None:
        """Return the secret of ``holding``, or None if there is no secret. From now on, the caller owns the descriptor."""
        return self._waiting.pop(holding, None)

    def forget(self, holding: str) -> None:
        """Close the secret of ``holding``, if there is one."""
        descriptor = self.take(holding)
        if descriptor is not None:
            os.close(descriptor)
