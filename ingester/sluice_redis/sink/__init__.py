"""Writing to Redis: one atomic, fenced append for each batch, the health hash, and retention."""
