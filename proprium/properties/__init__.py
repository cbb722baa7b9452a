"""The tracked sites: their settings, their owners, who may see them."""
