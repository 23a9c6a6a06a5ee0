"""What is there: owned objects and pods, Redis cursors and streams, as facts."""
