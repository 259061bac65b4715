# SPDX-License-Identifier: Apache-2.0
"""The one language both sides speak (PROTOCOL.md). Law: pure; no socket, file, clock, process or log in here."""
