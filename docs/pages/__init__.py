"""The pages of the reference that are made from the code, one a file; `docs/generate.py` writes them."""
