"""The cluster, the sources and the tests that show Sluice at work, for real."""
