"""What the operator and all workers share: logs, clock, times, back-off, tasks, printable text."""
