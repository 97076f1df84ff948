"""The doctor: what its checks say, and what it looks at."""
