"""What other programs may ask of `serve`: /api/v1."""
