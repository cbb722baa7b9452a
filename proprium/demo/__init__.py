"""The sample property "Exemplar": a believable year of events, and live traffic that goes on where the year ends."""
