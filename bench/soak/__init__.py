"""Hours of full load with rekeys every few seconds, and an account of every packet."""
