"""One run: what to ask, in what order, how much in a package, what is remembered, the lock."""
