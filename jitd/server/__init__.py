# SPDX-License-Identifier: Apache-2.0
"""What a client and the daemon say to each other: connections, handshake, messages in and out. Law: nothing is decided here."""
