"""The product's wiring: settings, addresses, error renderers, the embedded stack."""

import gc

# What a process loads stays. Python would look through it for garbage again and again: a migration
# of all workspaces took a twentieth more of the processor's time.
gc.set_threshold(50_000, 20, 50)
