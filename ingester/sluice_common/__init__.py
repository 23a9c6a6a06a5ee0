"""What the operator and all workers share and neither owns: logs, times, back-off, text on one line."""
