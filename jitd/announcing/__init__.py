# SPDX-License-Identifier: Apache-2.0
"""Sends notices about requests to people. ``letters`` finds the notices that are due, ``post`` sends the notices of one channel,
and ``notices`` runs all channels.

Law: the stored state determines which notices are due. Notices are sent outside every transaction. No function of this package
changes a life cycle.
"""
