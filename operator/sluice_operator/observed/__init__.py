"""Turns objects of the API server and health hashes of Redis into facts, the input of a status. Pure."""
