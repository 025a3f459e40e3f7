"""People watch a part of the episodes and decide: who watches what, what was said, and what follows from it."""
