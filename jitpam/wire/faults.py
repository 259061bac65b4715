# SPDX-License-Identifier: Apache-2.0
"""Who is to blame when the wire is misused. Law: peer data can raise RemoteProtocolError and nothing else."""


class RemoteProtocolError(Exception):
    """The peer broke PROTOCOL.md. The connection is closed; nothing was done."""


class LocalProtocolError(Exception):
    """We were about to break PROTOCOL.md: a defect of this program."""
