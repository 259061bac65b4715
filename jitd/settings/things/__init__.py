# SPDX-License-Identifier: Apache-2.0
"""The settings of the kinds of things that ``[givers.NAME]`` of jitd.toml defines: a module for each kind, and here what all
kinds have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from jitd.core.toml_table import Table


@dataclass(frozen=True, slots=True)
class GiverSettings:
    """The settings of one giver. ``lets`` is a sentence of the administrator that says what a person can do with the thing.

    A kind is a subclass, and a row of ``OF_KIND`` in ``settings.givers``. ``core.thing`` says what rules and requests know of it.
    """

    KIND: ClassVar[str]
    """The kind, as in ``core.thing.KINDS``."""
    KEYS: ClassVar[tuple[str, ...]]
    """The keys of the kind, without those that all kinds have."""
    GONE: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Maps keys of earlier versions to what replaces them."""
    IS_MENDED: ClassVar[bool] = True
    """False if jitd cannot give the same thing again, because it would have a new secret that the person does not know."""

    name: str
    drift: str = "tell"
    lets: str = ""

    @classmethod
    def read(cls, table: Table) -> dict[str, object]:
        """Return the values of the fields of this kind. Faults are added to ``table``."""
        raise NotImplementedError

    @property
    def needs_key(self) -> bool:
        """True if the person has to bring a public key."""
        return False

    def sentences(self) -> tuple[str, ...]:
        """Return sentences that say what a person can do with the thing. They contain every setting that affects it, so that two
        different things have different sentences. An approval is bound to them.
        """
        raise NotImplementedError
