"""The whole configuration as a document: exported, compared with what is there, and applied."""
