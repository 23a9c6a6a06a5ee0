"""The Sluice ingester: it reads AT Protocol sources and writes each event to Redis Streams exactly once."""
