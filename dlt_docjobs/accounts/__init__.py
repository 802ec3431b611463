"""Which accounts and destinations are configured."""
