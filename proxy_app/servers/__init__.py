"""What only servers have: choosing what is in them, what that costs a model, and how clients connect."""
