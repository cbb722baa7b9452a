"""Sample data: the property "Exemplar" with a year of events and live traffic."""
