"""Reports of an ingester: the health hash, metrics, probes, logs, and the background tasks that write them."""
