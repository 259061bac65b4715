# SPDX-License-Identifier: Apache-2.0
"""The protocol between the client and the daemon (PROTOCOL.md). Law: pure; no socket, file, clock, process or log in here."""
