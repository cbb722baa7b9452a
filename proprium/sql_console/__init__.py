"""SQL for the owner: a snapshot of one's own properties, asked in a process that can reach nothing else."""
