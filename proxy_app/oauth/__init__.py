"""Being let in at upstreams with OAuth: who is connected to which gateway's server, and the tokens of it.

connecting/ is the way to a connection, by a person and a browser; live/ is its use, by calls and jobs.
"""
