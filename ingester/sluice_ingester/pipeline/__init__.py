"""From a source's connection to its stream in Redis: read, decode, batch, write."""
