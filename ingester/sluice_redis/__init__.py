"""The Redis side that operator and workers share: key names, settings, URL, client, and how a worker writes."""
