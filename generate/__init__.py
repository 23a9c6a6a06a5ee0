"""The generated files of the repository: `make generate` writes them, and a test finds those that are stale."""
