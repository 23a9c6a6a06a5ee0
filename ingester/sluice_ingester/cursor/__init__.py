"""The cursor of a source: how frames move it, which frames are repeated, and which are lost."""
