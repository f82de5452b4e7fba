"""The database engine `tenants.backend`: django-tenants' schemas with one role per tenant."""
