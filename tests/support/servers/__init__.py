"""Real servers for tests, each on a free loopback port, that break on demand."""
