"""Redis out: one atomic, fenced append for each batch."""
