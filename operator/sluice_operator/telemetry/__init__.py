"""Metrics, probes, logs and the watchdog of the operator process."""
