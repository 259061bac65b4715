# SPDX-License-Identifier: Apache-2.0
"""Gives things to people and takes them back, for the daemon. There is one giver for each kind of thing.

The orders are those of ``givers.kind``. They are the same for all that do deeds: jitd-givers, the programs of administrators, and
servers of leases. A giver makes an order from a holding, waits for the turn of its person, and asks.
"""
