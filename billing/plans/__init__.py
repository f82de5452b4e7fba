"""Plans as dated terms: what they charge, how a workspace moves between them, where they end."""
