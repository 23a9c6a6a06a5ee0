"""The reconciler: it compares what exists with what should exist, and acts on the difference. See `reconciler`."""
