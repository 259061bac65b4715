# SPDX-License-Identifier: Apache-2.0
"""Sends the record to sinks, which are collectors outside jitd. ``classes`` says of what classes a record is, ``reading`` reads
the next records for a sink, ``feed`` sends them, and ``sinks`` has the feeds of all sinks. ``pace`` limits what this costs. The
process jitd-outside delivers the records.
Law: a sink gets each record after its commit, in the order of the record, at least once. No decision waits for a sink, and
nothing that a sink answers permits anything.
"""
