# SPDX-License-Identifier: Apache-2.0
"""The doctor, without a host: what is thought of what was looked at, and the round."""
