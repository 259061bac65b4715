# SPDX-License-Identifier: Apache-2.0
"""Tests of what people are told, and of the channels."""
