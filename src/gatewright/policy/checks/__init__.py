"""What is unwise or wrong in a policy that can be read: one file a subject, joined in ``run``."""
