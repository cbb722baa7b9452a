"""Each step names the one before it; none is changed once it was released."""
