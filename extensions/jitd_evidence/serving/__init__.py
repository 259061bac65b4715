# SPDX-License-Identifier: Apache-2.0
"""The daemon's half: makes packs and reports for the people who may have them."""
