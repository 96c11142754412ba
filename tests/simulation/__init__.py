"""A seeded world of requests against the real relay and the real store, with a bookkeeper beside it."""
