"""Live updates: subscriptions to query results, and the feed of hits."""
