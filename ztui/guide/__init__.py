"""The walkthrough from Phase 1 to 4: what is open, in which order, by which steps, and what proves each of them."""
