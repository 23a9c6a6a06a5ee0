"""The cursor of a source: how far the frames that arrive move it, what is a repeat, and what is lost."""
