"""Typed domain tools: chemistry, design of experiments, inference."""
