# SPDX-License-Identifier: Apache-2.0
"""Things that are given to people for a time and taken back: lines of sudoers, accounts, database roles, certificates, leases.

Law: a thing is given only for a holding that was recorded, and taking it back is done by construction, and not by search.
"""
