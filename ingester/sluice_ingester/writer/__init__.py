"""Writing batches to Redis: repeating, splitting, and resuming from the stored cursor."""
