"""What the seqs of incoming frames mean for the stored cursor. Pure."""
