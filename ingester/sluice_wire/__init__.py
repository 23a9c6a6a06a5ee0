"""The AT Protocol wire formats: bytes of frames, CARs and pages to events and records, without I/O."""
