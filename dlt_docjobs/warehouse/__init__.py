"""What the destination knows and can do."""
