"""The API over HTTP, endpoint by endpoint and problem by problem."""
