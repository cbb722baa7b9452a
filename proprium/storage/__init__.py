"""The truth: every event is a row here and nowhere else."""
