"""The backfill: the listing of all repositories of one host, from its first page to its last."""
