"""The robot side: the polling client, and one module per instrument family."""
