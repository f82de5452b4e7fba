"""The product's wiring: settings, addresses, error renderers, the embedded stack."""

import gc

# What a process loads stays. Python would look through it for garbage again and again, which takes
# up to a quarter of the time of a migration and a sixth of that of a start.
gc.set_threshold(50_000, 20, 50)
