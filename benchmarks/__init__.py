"""What is measured, each a ratio in the same run."""
