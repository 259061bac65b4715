# SPDX-License-Identifier: Apache-2.0
"""What programs do with what they are told: what a command gives beyond its words, and what it destroys or stops.

Law: what is not known is never graded as harmless. Nothing is looked up but what a look is asked about, and nothing is decided.
"""
