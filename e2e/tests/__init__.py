"""The product on a real cluster, as a user meets it."""
