"""The history of storage's schema: one file a step, in `versions`."""
