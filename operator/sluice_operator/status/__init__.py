"""Pure: from facts and history to conditions, counters and columns."""
