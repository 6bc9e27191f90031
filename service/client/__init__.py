"""The async client: typed results, retries that are safe, pages as async iterators."""
