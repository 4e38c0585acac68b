"""The HTTP client that the CLI and the robots use."""
