"""One thin `@dlt.source` a provider, in a module each: a sync imports only its own."""
