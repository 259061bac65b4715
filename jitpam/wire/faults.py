# SPDX-License-Identifier: Apache-2.0
"""The exceptions for a broken protocol: one if the peer broke it, one if we did. Law: data from the peer can raise
RemoteProtocolError and nothing else."""


class RemoteProtocolError(Exception):
    """The peer broke PROTOCOL.md. The connection is closed; nothing was done."""


class LocalProtocolError(Exception):
    """We were about to break PROTOCOL.md. This is a defect of this program."""
