# SPDX-License-Identifier: Apache-2.0
"""What can be proved about the past from the chain alone. Law: it is handed a reader of the chain, and changes nothing."""
