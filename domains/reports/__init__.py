"""What reports mean: who stands behind an address, and what follows. Pure."""
