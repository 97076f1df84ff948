"""From "Connect" to a stored connection: finding out where, being sent there, coming back."""
