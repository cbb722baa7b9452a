"""The pieces of the page where one's own SQL is run."""
