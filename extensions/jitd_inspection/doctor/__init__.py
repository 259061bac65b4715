# SPDX-License-Identifier: Apache-2.0
"""``jitd doctor`` checks whether this host is set up correctly, and explains how to correct faults. Each topic has its own
module, which examines the host and returns findings. The module ``root`` lists the examinations for root, and the module
``person`` lists the examinations for other people. The module ``round`` runs the examinations.

Law: each function that evaluates data and returns findings is pure. jitd doctor changes nothing on the host, with one exception:
it opens PAM sessions and closes them at once. No examination takes longer than its time limit.
"""
