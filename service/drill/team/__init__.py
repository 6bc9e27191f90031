"""Team work under drill: a crew in projects of its own, and the judge of what it was told."""
