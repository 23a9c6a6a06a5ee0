"""The Sluice ingester: an AT Protocol source into Redis Streams, nothing lost and nothing twice."""
