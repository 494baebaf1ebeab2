"""Measures the finished programs as their users run them: real processes, sockets and PostgreSQL with fsync on."""
