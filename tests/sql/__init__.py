"""SQL: what it reads, what it refuses, and that it writes what it reads."""
