"""Where teams, their people and the ways into them are managed."""

from django.urls import path

from auth_app.joining import api as joining
from auth_app.members import api as members
from auth_app.teams import api

api_urlpatterns = [
    path("teams", api.teams, name="api-teams"),
    path("teams/", api.teams),
    path("teams/discover", api.discover, name="api-teams-discover"),
    path("teams/invitations/<key>", joining.invitation, name="api-teams-invitation"),
    path("teams/invitations/<key>/accept", joining.accept, name="api-teams-accept"),
    path("teams/<key>", api.team, name="api-teams-item"),
    path("teams/<key>/transfer", members.transfer, name="api-teams-transfer"),
    path("teams/<key>/leave", members.leave, name="api-teams-leave"),
    path("teams/<key>/members", members.members, name="api-teams-members"),
    path("teams/<key>/members/<email>", members.member, name="api-teams-member"),
    path("teams/<key>/invitations", joining.invitations, name="api-teams-invitations"),
    path("teams/<key>/join", joining.join, name="api-teams-join"),
    path("teams/<key>/join-requests", joining.join_requests, name="api-teams-requests"),
    path("teams/<key>/join-requests/<request_key>", joining.join_request, name="api-teams-request"),
    path("teams/<key>/join-requests/<request_key>/approve", joining.approve, name="api-teams-approve"),
    path("users/me/invitations", joining.my_invitations, name="api-my-invitations"),
]
