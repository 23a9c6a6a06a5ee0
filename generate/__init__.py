"""The generated files of the repository: `make generate` writes them, and a test fails if one is stale."""
