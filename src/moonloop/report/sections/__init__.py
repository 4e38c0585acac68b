"""The parts of a report, each from the reading of the facts to blocks."""
