"""Query model: period, filters, goals, time buckets, and the URL parameters they are read from."""
