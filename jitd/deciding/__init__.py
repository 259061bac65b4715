# SPDX-License-Identifier: Apache-2.0
"""What is known and what is decided. Law: nothing here changes anything; what follows from an answer is for others to do."""
