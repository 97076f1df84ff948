"""What is posted to invoke an agent."""

from typing import Any

from pydantic import Field

from gatewaysite.validation import Body, Line


class Invoke(Body):
    """What an agent is told."""

    parameters: dict[str, Any] = Field(
        {},
        description="`query` is the text, `contextId` and `taskId` go on with a talk, what else there is is data for"
        " the agent. `message` is a whole A2A message in place of all that.",
    )
    interaction_type: Line = Field("query", description="Taken from clients that send it; it means nothing here.")


class InvokeById(Invoke):
    """The same, where the path does not say whom."""

    agent_id: Line = Field(description="An id, a slug or a name.")
