"""Formats of languages that Django has otherwise than the product writes them."""
