"""What a configuration document says of people's teams, roles and ways in."""
