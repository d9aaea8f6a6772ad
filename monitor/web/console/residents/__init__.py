"""What residents reported, and labels with codes to print."""
