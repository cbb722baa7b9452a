"""Authentication and authorization: users, passwords, login sessions, API keys and throttling of attempts."""
