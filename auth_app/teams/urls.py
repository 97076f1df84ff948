"""Where teams, their people and the ways into them are managed."""

from django.urls import path

from auth_app.joining import api as joining
from auth_app.joining import pages as joining_pages
from auth_app.members import api as members
from auth_app.members import pages as members_pages
from auth_app.teams import api, pages

api_urlpatterns = [
    path("teams", api.teams, name="api-teams"),
    path("teams/", api.teams, name="api-teams"),
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
page_urlpatterns = [
    path("admin/teams", pages.teams, name="page-teams"),
    path("admin/teams/new", pages.new, name="page-teams-new"),
    path("admin/teams/<key>", pages.team, name="page-teams-item"),
    path("admin/teams/<key>/edit", pages.edit, name="page-teams-edit"),
    path("admin/teams/<key>/state", pages.state, name="page-teams-state"),
    path("admin/teams/<key>/delete", pages.delete, name="page-teams-delete"),
    path("admin/teams/<key>/members", members_pages.add, name="page-teams-add"),
    path("admin/teams/<key>/members/change", members_pages.change, name="page-teams-change"),
    path("admin/teams/<key>/members/remove", members_pages.remove, name="page-teams-remove"),
    path("admin/teams/<key>/leave", members_pages.leave, name="page-teams-leave"),
    path("admin/teams/<key>/transfer", members_pages.transfer, name="page-teams-transfer"),
    path("admin/teams/<key>/invitations", joining_pages.invite, name="page-teams-invite"),
    path("admin/teams/<key>/join", joining_pages.join, name="page-teams-join"),
    path("admin/teams/<key>/join-requests/<request_key>", joining_pages.decide, name="page-teams-decide"),
    path("admin/invitations/<key>", joining_pages.invitation, name="page-invitation"),
    path("admin/invitations/<key>/cancel", joining_pages.cancel, name="page-invitation-cancel"),
]
