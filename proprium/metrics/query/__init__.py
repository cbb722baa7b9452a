"""Query: period, filters, goals, and their form in a URL."""
