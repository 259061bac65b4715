# SPDX-License-Identifier: Apache-2.0
"""``jitd setup``: its steps as a table, and what it does on a host."""
