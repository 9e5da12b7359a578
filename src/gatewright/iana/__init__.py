"""Protocol numbers with their names, their RFC and plain English: tables only."""
