"""The backfill: it lists all repositories of one host, page by page."""
