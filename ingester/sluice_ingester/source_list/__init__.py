"""The source list of a process: parsing it, and following its changes."""
