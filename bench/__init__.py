"""The load tests: `python -m bench` starts a whole gateway on this machine, loads it and says what it did and cost."""
