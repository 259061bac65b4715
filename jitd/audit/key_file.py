# SPDX-License-Identifier: Apache-2.0
"""A private key of Ed25519 in a file, in OpenSSH's form and without a passphrase. Law: the file is its owner's alone. Of several
processes that make the key at the same time, one has made it, and all have the same key.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_ssh_private_key

from jitd.files.durable import opened, sync


class KeyFileError(Exception):
    """The file has no key that can be used. The text is a sentence."""


def key_in(file: Path) -> Ed25519PrivateKey:
    """Return the key in ``file``. If there is no file, make a key. Raises KeyFileError, OSError."""
    try:
        found = opened(file)
    except FileNotFoundError:
        _make(file)
        found = opened(file)
    with found as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
            raise KeyFileError(f"{file}: others can read this key: it must be a file of the mode 0600, of who runs this")
        content = stream.read(1 << 16)
    try:
        key = load_ssh_private_key(content, None)
    except ValueError:
        raise KeyFileError(f"{file}: not a private key of OpenSSH without a passphrase") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{file}: not a key of the type ssh-ed25519")
    return key


def _make(file: Path) -> None:
    content = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    descriptor, new = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".new", dir=file.parent)
    try:
        with open(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(descriptor)
        try:
            os.link(new, file)  # unlike rename(2), this never replaces a key that another process has made
        except FileExistsError:
            return
    finally:
        os.unlink(new)
    sync(file.parent)
