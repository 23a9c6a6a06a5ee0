"""Bytes in, events out: the wire protocol without any I/O."""
