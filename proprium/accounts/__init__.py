"""Who may come in: users, passwords, login sessions."""
