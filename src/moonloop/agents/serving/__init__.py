"""Serving models with vLLM: its command line, its adapters, and what the site's endpoints serve."""
