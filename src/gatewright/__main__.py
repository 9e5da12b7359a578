"""``python -m gatewright`` is the command line."""

from gatewright.cli.main import main

main()
