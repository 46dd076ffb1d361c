"""The machine that tries to break the promises: people at work, faults by a seed, and the reconciler's verdict.

Two phases, as in VOPR: while faults happen, people write down what they mean to do before they send it; then faults
stop, and within a minute the books must agree with each other and with what was written down.
"""
