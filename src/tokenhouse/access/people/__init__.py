"""People: who signs in, which accounts they may look after, and how they prove who they are."""
