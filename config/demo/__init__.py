"""Three workspaces to try the product with; `manage.py seed_demo` makes them."""
