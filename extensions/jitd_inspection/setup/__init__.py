# SPDX-License-Identifier: Apache-2.0
"""``jitd setup``: what a host lacks before the first request can be approved, and the steps that provide it (ADR 0119)."""
