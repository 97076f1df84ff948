"""What API tokens were used for."""
