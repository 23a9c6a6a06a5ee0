"""The reconciler: compares what exists with what should exist, and acts on the difference."""
