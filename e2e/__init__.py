"""The local cluster, the sources, the demo, and the tests that run Sluice on a real cluster."""
