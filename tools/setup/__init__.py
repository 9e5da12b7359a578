"""Sets the checkout up: Debian packages, virtual environment, engine.  Standard library only."""
