# SPDX-License-Identifier: Apache-2.0
"""What the chain alone proves about the past. Law: the verifier gets a reader of the chain, and changes nothing."""
