"""The load tester: `annolog load` measures a server as its users would meet it."""
