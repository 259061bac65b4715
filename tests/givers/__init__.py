# SPDX-License-Identifier: Apache-2.0
"""Tests of things that jitd.toml sets up: jitd-givers, its messages, and every kind of thing."""
