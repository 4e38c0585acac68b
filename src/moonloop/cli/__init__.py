"""The command line: what a scientist, a reviewer and an operator type."""
