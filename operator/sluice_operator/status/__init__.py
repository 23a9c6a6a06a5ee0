"""Computes the status of a source from observed facts and the previous status. Pure."""
