"""Redis, as far as the operator uses it: it reads streams, cursors and health hashes, and writes cursors."""
