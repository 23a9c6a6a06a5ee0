"""What an ingester reports: metrics, probes, the health hash, error kinds."""
