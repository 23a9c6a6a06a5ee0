"""Turns objects of the API server and health hashes of Redis into facts, from which the status is computed. Pure."""
