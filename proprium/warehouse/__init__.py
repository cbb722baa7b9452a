"""A columnar copy of storage for fast questions; deleted without loss."""
