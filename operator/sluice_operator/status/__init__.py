"""Makes the status of a source from what was observed and from the status before. Pure."""
