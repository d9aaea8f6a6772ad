"""A site that runs for a simulated week under faults, and stays as small as it was."""
