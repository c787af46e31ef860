"""The one background process of a home: what it starts, watches and ingests."""
