"""The archived log of a topic: days, files, dead letters, and the flow that writes them."""
