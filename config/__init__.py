"""The product's wiring: settings, addresses, error renderers, the embedded stack."""
