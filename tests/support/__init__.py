"""What tests stand on: throw-away databases, campaigns, and processes."""
