"""Properties (tracked sites): settings, validation, permissions and the collector's rules cache."""
