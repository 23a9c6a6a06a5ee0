"""The AT Protocol wire formats: they decode frames, CARs and pages into events and records, without I/O."""
