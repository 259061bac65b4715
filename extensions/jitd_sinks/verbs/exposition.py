# SPDX-License-Identifier: Apache-2.0
"""Writes metric families as text: in OpenMetrics 1.0, and in the older text format of Prometheus.

Law: pure. What a row says is either written as the format demands, or refused with ValueError. So no row can add a line.
Sources: https://prometheus.io/docs/specs/om/open_metrics_spec/ and
https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

Row = dict[str, Any]
MICRO = 1_000_000
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_SUFFIX = re.compile(r"(?:_[a-z]+)?")
_OLD = {"counter": ("counter", "_total"), "info": ("gauge", "_info")}
"""For the types that the older format writes differently: its type, and the suffix that its name of the family has."""


def openmetrics(rows: Iterable[Row]) -> Iterator[str]:
    """Yield the lines of OpenMetrics 1.0, without line ends. Raises ValueError."""
    for name, family in _families(rows):
        head = family[0]
        yield f"# TYPE {name} {_one_of(head['type'], 'counter', 'gauge', 'histogram', 'info')}"
        if head["unit"]:
            yield f"# UNIT {name} {_one_of(head['unit'], 'seconds', 'bytes')}"
        yield f"# HELP {name} {_escaped(head['help'])}"
        yield from _samples(name, family)
    yield "# EOF"


def prometheus(rows: Iterable[Row]) -> Iterator[str]:
    """Yield the lines of the text format 0.0.4, without line ends. Raises ValueError. Only this format is read by the textfile
    collector of node_exporter. In it, a counter has the name of its sample, and there is neither a unit nor an end.
    """
    for name, family in _families(rows):
        kind, suffix = _OLD.get(family[0]["type"], (family[0]["type"], ""))
        yield f"# HELP {name}{suffix} {_escaped(family[0]['help'], quote=False)}"
        yield f"# TYPE {name}{suffix} {_one_of(kind, 'counter', 'gauge', 'histogram')}"
        yield from _samples(name, family)


def _families(rows: Iterable[Row]) -> Iterator[tuple[str, list[Row]]]:
    for name, family in groupby(rows, lambda row: _checked(_NAME, row["name"])):
        yield name, list(family)


def _samples(name: str, family: list[Row]) -> Iterator[str]:
    for row in family:
        labels = [_checked(_NAME, label) for label in row["labels"]]
        for suffix, values, number in row["samples"]:
            pairs = zip(labels, values, strict=suffix == "_bucket" or row["type"] != "histogram")  # only a bucket has ``le``
            said = ",".join(f'{label}="{_escaped(value)}"' for label, value in pairs)
            is_time = row["unit"] == "seconds" and suffix not in ("_bucket", "_count")
            labelled = f"{name}{_checked(_SUFFIX, suffix)}" + (f"{{{said}}}" if said else "")
            yield f"{labelled} {_seconds(number) if is_time else int(number)}"


def _seconds(micro: int) -> str:
    whole, part = divmod(int(micro), MICRO)
    return f"{whole}.{part:06}".rstrip("0").rstrip(".")


def _escaped(text: object, *, quote: bool = True) -> str:
    escaped = str(text).replace("\\", r"\\").replace("\n", r"\n")
    return escaped.replace('"', r"\"") if quote else escaped


def _checked(pattern: re.Pattern[str], text: object) -> str:
    if not isinstance(text, str) or not pattern.fullmatch(text):
        raise ValueError(f"{text!r} cannot be a name")
    return text


def _one_of(word: object, *words: str) -> str:
    if word not in words:
        raise ValueError(f"{word!r} is none of {', '.join(words)}")
    return str(word)
