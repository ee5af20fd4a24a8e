"""Where finished rows go: one store a file."""
