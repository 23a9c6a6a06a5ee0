"""Network in: each source yields what its host sends, and knows nothing of Redis."""
