# SPDX-License-Identifier: Apache-2.0
"""The protocol between the client and the daemon (PROTOCOL.md).

Law: no code in this package uses a socket, a file, a clock, a process or a log.
"""
