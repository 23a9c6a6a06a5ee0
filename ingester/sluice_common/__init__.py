"""Code that the operator and the ingester share: logs, clock, times, back-off, tasks, printable text."""
