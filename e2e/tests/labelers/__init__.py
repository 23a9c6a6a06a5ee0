"""Hundreds of labelers in one process of this machine, each on a port of its own. A test can break any of them."""
