"""Knowledge Bases and reranking: bedrock-agent and bedrock-agent-runtime."""
