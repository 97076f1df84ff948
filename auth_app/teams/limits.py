"""How much of everything there may be: against runaway scripts, far above what people need."""

TEAMS_PER_PERSON = 50  # that somebody made and that are still there; their personal one is not counted
MEMBERS_PER_TEAM = 1_000  # where the team says nothing else
MOST_MEMBERS = 10_000
SEEDS = 20  # of a new team; each may be a letter to send
INVITATIONS_PENDING = 100  # of one team
REQUESTS_PENDING = 200
INVITATION_DAYS = 7
REQUEST_DAYS = 30
