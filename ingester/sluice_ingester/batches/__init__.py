"""Batches of frames: building, buffering and splitting them."""
