"""Self-hosted website analytics, written entirely in Python."""
