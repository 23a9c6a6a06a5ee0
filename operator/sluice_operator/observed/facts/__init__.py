"""What was observed of a source, as plain values. Pure.

The modules of `observed` make these values from objects and health hashes. `status` reads nothing else, so a test can
describe any situation without a server.
"""
