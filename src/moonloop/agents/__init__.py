"""LLM agents: graphs over injected calls, roles with prompts, the model door, and the bench of tools."""
