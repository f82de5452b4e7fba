"""Cost Explorer, cost allocation tags and Data Exports, computed from the calls served."""
