# SPDX-License-Identifier: Apache-2.0
"""The kind of sink ``https``. ``batching`` sends batches to its servers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jitd_outsiders.outside.deliveries import SCHEMES, TEMPLATES, Https
from jitd_outsiders.outside.keys import Keys
from jitd_outsiders.outside.sink import Sink, SinkKind

if TYPE_CHECKING:
    from jitd.core.toml_table import Table


class HttpsKind(SinkKind):
    name = "https"
    question = "deliver_https"
    destination = Https
    keys = ("url", "addresses", "ca", "client_certificate", "secret", "url_file", "template", "scheme")
    refuses_batches = True

    def read(self, table: Table, owner: int | None, keys_at: Path) -> tuple[Https, tuple[Path | None, ...]]:
        from jitd_outsiders.asking.settings import Reach, reach_in
        from jitd_outsiders.outside.url_file import url_in_file

        by = reach_in(table, "https", owner, keys_at, url_in_file(table, owner))
        assert isinstance(by, Reach)
        template, scheme = table.text("template", "lines", TEMPLATES), table.text("scheme", "Bearer", SCHEMES)
        secret, certificate = (file.name if file else "" for file in (by.secret, by.certificate))
        return Https(by.url, template, scheme, secret, by.addresses, by.ca, certificate), (by.certificate, by.secret)

    def opened(self, to: Https, keys: Keys) -> Sink:
        from jitd_outsiders.outside.batching import HttpsSink

        return HttpsSink(to, keys)
