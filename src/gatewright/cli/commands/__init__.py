"""One file for each command.  What a command needs is loaded when it runs."""
