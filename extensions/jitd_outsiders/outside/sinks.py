# SPDX-License-Identifier: Apache-2.0
"""The kinds of sinks. A kind is registered here, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping

from jitd_outsiders.outside.deliveries import Destination
from jitd_outsiders.outside.https_sink import HttpsKind
from jitd_outsiders.outside.line_files import FileKind
from jitd_outsiders.outside.sink import SinkKind
from jitd_outsiders.outside.syslog_sink import SyslogKind

SINKS: tuple[SinkKind, ...] = (SyslogKind(), FileKind(), HttpsKind())
OF_NAME: Mapping[str, SinkKind] = {kind.name: kind for kind in SINKS}
_OF_TYPE: Mapping[type[Destination], SinkKind] = {kind.destination: kind for kind in SINKS}


def kind_of(to: Destination) -> SinkKind:
    return _OF_TYPE[type(to)]
