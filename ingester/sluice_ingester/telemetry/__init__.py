"""What an ingester reports: the health hash, metrics, probes, logs, and the background tasks that write them."""
