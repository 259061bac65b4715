# SPDX-License-Identifier: Apache-2.0
"""Packs: one zip file with everything that the record knows of one action (PROTOCOL.md, "Packs")."""
