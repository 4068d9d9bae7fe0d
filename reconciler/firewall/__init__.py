"""Security group rules as values, independent of what enforces them."""
