"""The texts of the product in their languages: reading the sources, and the catalogues."""
