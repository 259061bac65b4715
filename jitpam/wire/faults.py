# SPDX-License-Identifier: Apache-2.0
"""The exceptions for violations of the protocol by the peer and by this program.

Law: the only error that data from the peer can raise is RemoteProtocolError.
"""


class RemoteProtocolError(Exception):
    """The peer violated PROTOCOL.md. The connection is closed, and nothing was done."""


class LocalProtocolError(Exception):
    """This program was about to violate PROTOCOL.md. A LocalProtocolError is a defect of the program."""
