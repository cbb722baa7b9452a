"""Numbers and events for other programs: the shapes of JSON and CSV, and raw events as a stream."""
