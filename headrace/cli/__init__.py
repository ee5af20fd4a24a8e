"""The command line: one thin command a public function. `headrace.cli.app` holds the entry point."""
