# SPDX-License-Identifier: Apache-2.0
"""The key ``url_file``, which names a file with the URL of a webhook. In some chats, everybody who knows the URL can post
messages. Therefore the URL is a secret, and must not be in jitd.toml, because everybody may read jitd.toml.
Law: only root can read the file with the URL. No fault quotes the content of this file.
"""

from __future__ import annotations

from jitd.core.toml_document import ConfigError
from jitd.core.toml_table import Table
from jitd.settings.owned_file import read_owned, who_else_may_read
from jitd_outsiders.asking.settings import file_in
from jitd_outsiders.outside.urls import read_url

KEY = "url_file"
LONGEST = 4096  # bytes of the file with the URL


def url_in_file(table: Table, owner: int | None) -> str | None:
    """Return the URL in the file that ``url_file`` names, None without the key, or "" with a fault, which ``table`` gets. The
    file must be root's or the uid ``owner``'s, unless that is None.
    """
    if KEY not in table.values:
        return None
    if "url" in table.values:
        table.fault('set "url" or "url_file", not both', KEY)
    file = file_in(table, KEY)
    if file is None:
        return ""
    if owner is not None and (why := who_else_may_read(file, owner)):
        table.fault(f'"url_file": {file} {why}', KEY)
        return ""
    try:
        content = read_owned(file, owner)
    except ConfigError as error:
        table.fault(f'"url_file": {error}', KEY)
        return ""
    try:
        found = read_url(content[: LONGEST + 1].decode("ascii").removesuffix("\n"))
    except ValueError:
        table.fault(f'"url_file": {file} must have one line, a URL such as https://host.example.org/path', KEY)
        return ""
    if found.scheme != "https" or len(content) > LONGEST:
        table.fault(f'"url_file": {file} has a URL that does not begin with https://, or is longer than {LONGEST} bytes', KEY)
        return ""
    return str(found)
