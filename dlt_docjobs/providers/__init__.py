"""What each API takes and says, one module each. Nothing here knows of dlt."""
