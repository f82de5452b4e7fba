"""IAM: policies evaluated for every request of a role session or of a user made here."""
