"""What residents see, over real HTTP."""
