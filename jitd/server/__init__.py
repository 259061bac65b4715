# SPDX-License-Identifier: Apache-2.0
"""One client's talk with the daemon: connections, the handshake, messages in and out. Law: nothing is decided here."""
