# SPDX-License-Identifier: Apache-2.0
"""The daemon's side of the protocol. It contains the connections, the handshake, and the messages from and to clients."""
