"""A scripted model endpoint: a real HTTP server that speaks the OpenAI protocol and plays its part."""
