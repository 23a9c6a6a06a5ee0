"""The informers, and all that keeps kopf in its place: it watches, and does nothing else."""
