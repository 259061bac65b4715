# SPDX-License-Identifier: Apache-2.0
"""What is thought of what was looked at: from values to findings. Law: pure; whatever is not ok has a mend."""
