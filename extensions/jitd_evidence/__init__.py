# SPDX-License-Identifier: Apache-2.0
"""Makes evidence of the record for people outside of this host: packs that prove themselves, reports, and countersignatures.

Law: evidence only reads. A pack or a report is recorded before its first byte is sent, and has only what its reader may see.
"""
