"""Plain data and pure rules: what the rest of the package means by its words.

Nothing here knows of HTTP, of dlt or of a warehouse.
"""
