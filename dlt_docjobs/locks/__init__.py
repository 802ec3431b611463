"""Who may load beside whom."""
