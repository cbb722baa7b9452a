"""What each number means: one question a file, over the warehouse."""
