"""Language models behind one interface: local under a grammar, and OpenAI-compatible endpoints."""
