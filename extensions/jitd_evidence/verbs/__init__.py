# SPDX-License-Identifier: Apache-2.0
"""The verbs that make evidence: ``audit pack``, ``audit report``, and those of witnesses."""
