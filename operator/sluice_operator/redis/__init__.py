"""The operator's access to Redis: it reads streams, cursors and health hashes, and writes cursors and source lists."""
