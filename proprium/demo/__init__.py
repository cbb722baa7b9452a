"""Sample data: the property "Exemplar" with a realistic year of events, and simulated live traffic after it."""
