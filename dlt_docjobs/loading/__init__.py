"""dlt: packages, resources, and what waits to be loaded."""
