"""SQL console: runs a user's SQL on a snapshot of their properties, in a sandboxed child process."""
