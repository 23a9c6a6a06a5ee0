"""What the operator reads in Redis, and the one thing that it writes there: cursors."""
