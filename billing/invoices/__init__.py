"""What a workspace is charged: usage priced under its plan, drafted, issued and paid."""
