"""The text models: the local extractive one, and any OpenAI-compatible server in its place."""
