"""Tests of replays: into tables, files and stores."""
