"""Redis for the operator and the ingester: key names, settings, URL, client, and the atomic append."""
